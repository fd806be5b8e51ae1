#version 330
uniform mat4 matrix;
uniform vec3 flatten_along; // to the light; (0, 0, 0): not flattened
in vec3 in_place;
void main() {
    vec3 place = in_place;
    if (flatten_along.z > 0.0) place -= flatten_along * ((place.z - 0.005) / flatten_along.z);
    gl_Position = matrix * vec4(place, 1.0);
}

#version 330
uniform mat4 matrix;
in vec3 in_place;
in vec3 in_normal;
in vec3 in_rest;
in vec4 in_where; // arm (or along), leg, head, part
out vec3 place;
out vec3 normal;
out vec3 rest;
out vec3 zone;
flat out int part;
void main() {
    place = in_place;
    normal = in_normal;
    rest = in_rest;
    zone = in_where.xyz;
    part = int(in_where.w + 0.5);
    gl_Position = matrix * vec4(in_place, 1.0);
}

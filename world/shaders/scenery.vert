#version 330
uniform mat4 matrix;
in vec3 in_place;
in vec3 in_normal;
in vec2 in_surface; // metres on the surface
in vec4 in_paint;   // colour, material
in float in_seed;
out vec3 place;
out vec3 normal;
out vec2 surface;
flat out vec4 paint;
flat out float seed;
void main() {
    place = in_place;
    normal = in_normal;
    surface = in_surface;
    paint = in_paint;
    seed = in_seed;
    gl_Position = matrix * vec4(in_place, 1.0);
}

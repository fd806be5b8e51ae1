#version 330
uniform sampler2D shadows; // red: of the light, green: of the sky
uniform vec2 strength;
in vec2 spot;
out vec4 colour;
void main() {
    vec2 s = texture(shadows, spot).rg * strength;
    colour = vec4(vec3((1.0 - s.r) * (1.0 - s.g)), 1.0);
}

#version 330
uniform sampler2D picture;
uniform sampler2D depth;
uniform vec4 part;
in vec2 spot;
out vec4 colour;
void main() {
    vec2 there = part.xy + spot * part.zw;
    colour = vec4(texture(picture, there).rgb, 1.0);
    gl_FragDepth = texture(depth, there).r;
}

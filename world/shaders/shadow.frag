#version 330
uniform vec4 mark;
out vec4 colour;
void main() { colour = mark; }

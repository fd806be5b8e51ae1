#version 330
uniform sampler2D scene_depth;
uniform vec4 window;  // left, top, pixels of the picture for each pixel here, across and down
uniform vec2 corner;  // of the tile
uniform float near;
uniform float far;
out vec4 colour;
float metres(float depth) { return 2.0 * near * far / (far + near - (2.0 * depth - 1.0) * (far - near)); }
void main() {
    ivec2 size = textureSize(scene_depth, 0);
    ivec2 spot = ivec2(floor(window.xy + (gl_FragCoord.xy - corner) * window.zw));
    bool inside = all(greaterThanEqual(spot, ivec2(0))) && all(lessThan(spot, size));
    float there = inside ? metres(texelFetch(scene_depth, spot, 0).r) : 0.0;
    bool seen = inside && metres(gl_FragCoord.z) < there + 0.08;
    colour = vec4(1.0, seen ? 1.0 : 0.0, 0.0, 1.0);
}

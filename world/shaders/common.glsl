// Noise, light and film; in front of every fragment shader that paints surfaces.

float hash1(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * vec3(0.1031, 0.1030, 0.0973));
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}

uniform sampler2D grain; // random greys, repeated

float noise(vec2 p) { return texture(grain, p / 256.0).r; }

float clouds(vec2 p) {
    return 0.5 * noise(p) + 0.25 * noise(2.03 * p + 7.0) + 0.15 * noise(4.1 * p + 3.0) + 0.1 * noise(8.3 * p);
}

uniform vec3 towards;       // unit, to the light
uniform vec3 direct;        // its strength
uniform vec3 sky;           // light from above
uniform vec3 ground;        // light from below
uniform float softness;     // 0 sharp shadows, 1 wide ones
uniform mat4 shadow_matrix; // from the world to the picture that the light sees
uniform sampler2D shadow_depth;
uniform vec3 gain;          // exposure and white balance

// Share of the direct light that reaches a point past the solids of the site.
float lit(vec3 place, vec3 normal) {
    vec3 spot = (shadow_matrix * vec4(place + normal * 0.03, 1.0)).xyz * 0.5 + 0.5;
    if (any(lessThan(spot, vec3(0.0))) || any(greaterThan(spot, vec3(1.0)))) return 1.0;
    float wide = mix(0.7, 9.0, softness) / 2048.0;
    float sum = 0.0;
    for (int i = 0; i < SHADOW_TAPS; i++) {
        float a = 2.4 * float(i);
        float r = sqrt((float(i) + 0.5) / float(SHADOW_TAPS));
        float depth = texture(shadow_depth, spot.xy + wide * r * vec2(cos(a), sin(a))).r;
        sum += spot.z - 0.0015 <= depth ? 1.0 : 0.0;
    }
    return sum / float(SHADOW_TAPS);
}

vec3 lighting(vec3 place, vec3 normal) {
    float facing = max(dot(normal, towards), 0.0);
    float soft = mix(facing, 0.5 + 0.5 * dot(normal, towards), 0.5 * softness);
    vec3 around = mix(ground, sky, 0.5 + 0.5 * normal.z);
    return direct * soft * lit(place, normal) + around;
}

// From light to what the sensor writes: gain, the film's shoulder, gamma.
vec3 film(vec3 light) {
    vec3 c = light * gain;
    c = pow(clamp(c * (1.0 + c * 0.15) / (1.0 + c * 0.45), 0.0, 1.0), vec3(1.0 / 2.2));
    return mix(c, c * c * (3.0 - 2.0 * c), 0.55);
}

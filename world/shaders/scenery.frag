in vec3 place;
in vec3 normal;
in vec2 surface;
flat in vec4 paint;
flat in float seed;
out vec4 colour;

float joint(vec2 p, vec2 size, float width) { // 1 on the lines of a grid
    vec2 d = abs(fract(p / size) - 0.5) * size;
    vec2 line = smoothstep(size * 0.5 - width, size * 0.5 - width * 0.4, d);
    return max(line.x, line.y);
}

vec3 goods(vec2 p, float seed) { // rows of packets on a shelf
    float row = floor(p.y / 0.42);
    float across = 0.09 + 0.16 * hash1(vec2(row, seed));
    float item = floor(p.x / across);
    float tall = 0.24 + 0.12 * hash1(vec2(floor(item / 4.0), row + seed));
    vec2 inside = vec2(fract(p.x / across), mod(p.y, 0.42));
    if (inside.y < 0.03) return vec3(0.55, 0.54, 0.5);
    if (inside.y > tall) return vec3(0.13, 0.12, 0.11);
    vec2 key = vec2(floor(item / 3.0) + seed * 7.0, row);
    vec3 c = 0.1 + 0.34 * vec3(hash1(key), hash1(key + 3.3), hash1(key + 9.1));
    c = mix(c, vec3(dot(c, vec3(0.33))), 0.5);
    float label = step(0.3, inside.x) * step(inside.x, 0.8) * step(0.08, inside.y) * step(inside.y, 0.17);
    return mix(c, vec3(0.6), 0.25 * label) * (inside.x < 0.06 ? 0.7 : 1.0);
}

vec3 storeys(vec2 p, vec3 wall, float seed) { // windows of a house
    vec2 cell = vec2(2.4, 3.1);
    vec2 at = mod(p + vec2(0.7 * seed, 0.0), cell);
    vec2 key = floor((p + vec2(0.7 * seed, 0.0)) / cell);
    bool frame = at.x > 0.6 && at.x < 1.8 && at.y > 0.9 && at.y < 2.5;
    bool pane = at.x > 0.68 && at.x < 1.72 && at.y > 0.98 && at.y < 2.42 && abs(at.x - 1.2) > 0.03;
    vec3 c = wall * (0.9 + 0.2 * clouds(p * 1.3));
    if (frame) c = vec3(0.5, 0.48, 0.45);
    if (pane) c = mix(vec3(0.03, 0.04, 0.05), vec3(0.3, 0.35, 0.4), 0.4 * clouds(p * 0.8 + key) + 0.25 * hash1(key));
    if (at.y > 0.82 && at.y < 0.9 && at.x > 0.5 && at.x < 1.9) c = vec3(0.45);
    return c;
}

vec3 shop(vec2 p, vec3 wall, float seed) {
    if (p.y > 3.0) return storeys(p - vec2(0, 3.0), wall, seed);
    if (p.y > 2.5) {
        float bay = floor(p.x / 5.0);
        vec3 sign = 0.1 + 0.5 * vec3(hash1(vec2(bay, seed)), hash1(vec2(bay, seed + 2.0)), hash1(vec2(bay, seed + 4.0)));
        float letters = step(0.5, noise(vec2(p.x * 5.0, bay))) * step(2.62, p.y) * step(p.y, 2.85);
        return mix(sign, vec3(0.8), letters * step(abs(fract(p.x / 5.0) - 0.5), 0.3));
    }
    float post = step(abs(mod(p.x, 2.5) - 1.25), 0.06);
    if (p.y < 0.35 || post > 0.0) return wall * 0.5;
    vec3 inside = 0.25 + 0.35 * vec3(clouds(p * 2.0), clouds(p * 2.0 + 5.0), clouds(p * 2.0 + 9.0));
    inside *= p.y < 1.3 ? 0.5 + 0.7 * hash1(floor(p * vec2(3.0, 2.0))) : 0.8;
    return mix(inside, vec3(0.12, 0.14, 0.16), 0.5);
}

vec3 wall(int material, vec2 p, vec3 c, float seed) {
    float stain = clouds(p * 0.9 + seed);
    float grain = noise(p * 60.0);
    if (material == 1) return c * (0.88 + 0.16 * stain + 0.05 * grain); // plaster
    if (material == 2) { // brick
        vec2 q = p / vec2(0.25, 0.08);
        q.x += 0.5 * mod(floor(q.y), 2.0);
        float mortar = joint(q, vec2(1.0), 0.06);
        return mix(c * (0.7 + 0.5 * hash1(floor(q)) + 0.1 * grain), vec3(0.45, 0.43, 0.4), 0.7 * mortar);
    }
    if (material == 3) return c * (0.8 + 0.3 * stain + 0.06 * grain) * (1.0 - 0.3 * joint(p, vec2(2.4, 1.5), 0.015));
    if (material == 4) return c * (0.75 + 0.4 * noise(p * vec2(3.0, 40.0)) ) * (1.0 - 0.4 * joint(p, vec2(8.0, 0.16), 0.008));
    if (material == 5) return c * (0.85 + 0.15 * noise(p * vec2(1.0, 25.0)));
    if (material == 6) return storeys(p, c, seed);
    if (material == 7) return shop(p, c, seed);
    if (material == 8) return goods(p, seed);
    if (material == 9) { // door
        float handle = step(length(p - vec2(0.8, 1.02)), 0.05);
        return mix(c * (0.9 + 0.1 * stain) * (1.0 - 0.35 * joint(p + 0.1, vec2(0.9, 1.0), 0.03)), vec3(0.6), handle);
    }
    if (material == 10) return c * (0.35 + 1.1 * clouds(p * 9.0 + seed));
    if (material == 12) return mix(c, vec3(0.35, 0.4, 0.45), 0.5 * clouds(p * 0.5 + seed));
    if (material == 14) { // poster
        vec3 a = vec3(hash1(vec2(seed, 1)), hash1(vec2(seed, 2)), hash1(vec2(seed, 3)));
        return mix(a, 1.0 - a, step(0.55, noise(p * 2.5 + seed * 9.0))) * 0.7 + 0.05;
    }
    return c;
}

vec3 floor_paint(int material, vec2 p, vec3 c) {
    float grain = noise(p * 70.0);
    float stain = clouds(p * 0.5);
    if (material == 20) { // tiles
        float shade = 0.93 + 0.1 * hash1(floor(p / 0.6));
        return c * shade * (0.9 + 0.15 * stain) * (1.0 - 0.35 * joint(p, vec2(0.6), 0.012));
    }
    if (material == 21) return c * (0.8 + 0.3 * stain + 0.06 * grain) * (1.0 - 0.25 * joint(p, vec2(3.0), 0.02));
    if (material == 22) return c * (0.75 + 0.25 * stain + 0.3 * grain * noise(p * 23.0));
    if (material == 23) { // paving
        vec2 q = p / vec2(0.4, 0.2);
        q.x += 0.5 * mod(floor(q.y), 2.0);
        return c * (0.8 + 0.25 * hash1(floor(q)) + 0.1 * stain) * (1.0 - 0.35 * joint(q, vec2(1.0), 0.07));
    }
    if (material == 24) return c * (0.85 + 0.2 * stain + 0.2 * grain);
    if (material == 25) return c * (0.45 + 0.6 * stain + 0.6 * noise(p * 30.0) * noise(p * 11.0));
    vec2 plank = vec2(p.x / 0.12, p.y / 0.9 + 0.37 * floor(p.x / 0.12));
    return c * (0.75 + 0.3 * hash1(floor(plank)) + 0.1 * noise(p * vec2(60.0, 4.0)));
}

void main() {
    int material = int(paint.w + 0.5);
    vec3 n = normalize(normal);
    if (material == 13) { colour = vec4(film(paint.rgb * 2.5), 1.0); return; } // lamp
    vec3 c = material >= 20 ? floor_paint(material, place.xy, paint.rgb) : wall(material, surface, paint.rgb, seed);
    vec3 light = lighting(place, n);
    colour = vec4(film(c * light), 1.0);
}

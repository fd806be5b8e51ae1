in vec3 place;
in vec3 normal;
in vec3 rest;
in vec3 zone;
flat in int part;
out vec4 colour;

uniform sampler2D outfits; // a row for each person
uniform int person;
uniform vec3 eye;

vec4 trait(int column) { return texelFetch(outfits, ivec2(column, person), 0); }

// What a spot of a person is made of: colours, pattern and its scale.
struct Stuff { vec3 first; vec3 second; int pattern; float scale; };

Stuff plain(vec3 c) { return Stuff(c, c, 0, 1.0); }

vec3 cloth(Stuff s, vec3 p, float sleeve) {
    float down = sleeve > 0.02 ? sleeve * 0.55 : p.z;
    float across = p.y / s.scale, low = down / s.scale;
    vec2 chest = (p.yz - vec2(0.0, 1.24)) / (0.17 * s.scale);
    vec2 spot = s.pattern == 4 ? chest * 4.0 + s.scale * 31.0 : vec2(atan(p.y, p.x) * 13.0, down * 80.0);
    float grain = noise(spot);
    float a = step(0.5, fract(across * 10.0)), b = step(0.5, fract(low * 10.0));
    bool front = abs(chest.x) < 0.8 && abs(chest.y) < 0.62 && p.x > 0.0 && sleeve < 0.02;
    float share = 0.0, shade = 1.0;
    share = s.pattern == 1 && fract(low * 13.3) > 0.5 ? 1.0 : share;
    share = s.pattern == 2 && fract(across * 20.0) < 0.3 ? 1.0 : share;
    share = s.pattern == 3 ? 0.25 + 0.25 * (a + b) : share;
    share = s.pattern == 4 && front && grain > 0.42 ? 1.0 : share;
    share = s.pattern == 5 && (sleeve > 0.02 || p.z > 1.3) ? 1.0 : share;
    shade = s.pattern == 3 && a + b > 1.5 ? 0.8 : shade;
    shade = s.pattern == 6 ? 0.85 + 0.3 * grain : s.pattern == 7 ? 0.7 + 0.6 * grain : shade;
    return mix(s.first, s.second, share) * shade;
}

vec3 face(vec3 skin, vec3 hair, vec3 local) {
    float side = abs(local.y);
    if (local.x > 0.3) {
        if (length(vec2(side - 0.17, local.z - 0.47) / vec2(0.075, 0.04)) < 1.0) return vec3(0.05, 0.04, 0.035);
        if (length(vec2(side - 0.18, local.z - 0.56) / vec2(0.1, 0.028)) < 1.0) return mix(skin, hair, 0.7);
        if (length(vec2(side, local.z - 0.17) / vec2(0.12, 0.035)) < 1.0) return skin * vec3(0.75, 0.5, 0.5);
    }
    return skin;
}

Stuff body(vec3 p) {
    vec4 skin = trait(0), hair = trait(1), top = trait(2), second = trait(3), bottom = trait(4), low = trait(5);
    vec4 shoes = trait(6), shirt = trait(7), cut = trait(8), hat = trait(9), bag = trait(10), head = trait(12);
    float arm = zone.x, leg = zone.y;
    vec3 local = (rest - vec3(head.x, 0.0, head.y)) / head.z;
    bool limb = arm >= 0.02;
    bool trunk = !limb && leg < cut.x && leg > cut.y;
    Stuff s = plain(skin.rgb);
    if (zone.z > 0.55 && local.z > -0.35) {
        float line = mix(0.12, 0.8, smoothstep(-0.35, 0.5, local.x)) + 0.05 * sin(local.y * 31.0);
        bool hatted = hat.w > 0.5 && hat.w < 2.5 && local.z > mix(0.45, 0.66, smoothstep(-0.4, 0.5, local.x));
        if (hatted) s = plain(hat.rgb);
        else if (hair.w > 0.5 && local.z > line) s = plain(hair.rgb);
        else s = plain(face(skin.rgb, hair.rgb, local));
    } else if (leg > 0.985 && !limb) s = plain(p.z < 0.022 ? vec3(0.12) : shoes.rgb);
    else if ((limb && arm < top.w) || trunk) {
        float opening = shirt.w * (1.0 + 0.7 * smoothstep(-0.2, -0.9, leg));
        bool strap = bag.w == 1.0 ? abs(abs(p.y) - 0.1) < 0.025 && leg < -0.25 && p.x > 0.0
            : bag.w == 2.0 && abs(p.y - (p.z - 1.16) * 0.62 * trait(11).w) < 0.022;
        s = Stuff(top.rgb, second.rgb, int(second.w + 0.5), cut.z);
        if (trunk && shirt.w > 0.0 && p.x > 0.0 && abs(p.y) < opening) s = plain(shirt.rgb);
        if (trunk && strap) s = plain(bag.rgb * 0.8);
    } else if (!limb && leg > -0.12 && leg < bottom.w) {
        s = Stuff(bottom.rgb, bottom.rgb * 0.6, int(low.w + 0.5), 1.0);
        if (leg > -0.03 && leg < 0.0) s = plain(vec3(0.03, 0.025, 0.02));
    } else if (!limb && leg > 0.94) s = plain(shoes.rgb * 1.3 + 0.1);
    return s;
}

Stuff accessory() {
    if (part == 1) return Stuff(trait(1).rgb, vec3(0.0), 7, 1.0);
    if (part == 2) {
        vec4 top = trait(2), second = trait(3);
        return trait(13).x > 0.5 ? Stuff(top.rgb, second.rgb, int(second.w + 0.5), trait(8).z) : plain(trait(11).rgb);
    }
    if (part == 3) return plain(trait(10).rgb * (abs(zone.x - 0.3) < 0.03 ? 0.5 : 1.0));
    if (part == 6) {
        vec4 top = trait(2), second = trait(3);
        return zone.x > 0.94 ? plain(top.rgb * 0.7) : Stuff(top.rgb, second.rgb, int(second.w + 0.5), trait(8).z);
    }
    if (part == 4) return plain(trait(9).rgb * 0.8);
    return plain(trait(2).rgb * 0.9);
}

void main() {
    vec3 p = rest * (1.72 / trait(12).w); // patterns as on a person of middle height
    vec3 n = normalize(normal);
    vec3 look = normalize(eye - place);
    n = part != 0 && dot(n, look) < 0.0 ? -n : n;
    Stuff s = accessory();
    if (part == 0) s = body(p);
    vec3 c = cloth(s, p, part == 0 ? zone.x : 0.0);
    if (part == 2) c *= 1.0 + 0.16 * zone.x * sin(atan(rest.y, rest.x) * 11.0 + 3.0 * rest.z);
    // creases of cloth, and less light between the legs
    bool covered = part == 0 && zone.z < 0.5;
    float crease = covered ? noise(vec2(p.y * 17.0 + p.x * 9.0, p.z * 13.0)) - 0.5 : 0.0;
    n = normalize(n + 0.4 * crease * vec3(0.3, 0.3, 1.0));
    float hidden = covered && zone.x < 0.02 && p.z < 0.95
        ? 1.0 - 0.35 * smoothstep(0.10, 0.0, abs(p.y)) * smoothstep(0.95, 0.75, p.z) : 1.0;
    vec3 light = lighting(place, n) * hidden * (0.75 + 0.25 * smoothstep(0.0, 0.5, place.z));
    float rim = 1.0 - max(dot(n, look), 0.0);
    rim *= rim;
    colour = vec4(film(c * light + 0.05 * rim * rim * sky), 1.0);
}

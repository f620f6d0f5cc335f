// Four f32 as two pairs of f64, and what a pair adds up to.

@inline export function low(x: v128): v128 { return f64x2.promote_low_f32x4(x) }
@inline export function high(x: v128): v128 { return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0)) }
@inline export function both(x: v128): f64 { return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1) }

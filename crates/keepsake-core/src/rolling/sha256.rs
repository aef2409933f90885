//! SHA-256 over many blocks at once, for the canister: four blocks' message schedules in four lanes, then the rounds of
//! each block one after the other. Owns the compression of whole groups of blocks, nothing else: padding, what is less
//! than a group, and every native host are crate `sha2`'s.
//!
//! Wasm has no instruction for this hash and the Internet Computer charges for each operator, so what counts here is
//! the number of operators: about 64 for each byte, `sha2` takes about 76. A schedule takes a third of a scalar hash
//! and has no dependency between blocks; four of them cost little more than one. Rounds depend on each other, and
//! vectors have no rotation: they stay scalar, at 51 operators each.
//!
//! Source: FIPS 180-4, sections 4.1.2, 4.2.2 and 6.2.2. Natively it is compiled for tests only, with plain arrays for
//! lanes.

mod lanes;

use lanes::{Lanes, add, gather, left, right, splat, words, xor};

/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 64;
/// Blocks whose schedules are made together.
const LANES: usize = 4;
/// Bytes that are taken at a time.
pub(super) const GROUP_BYTES: usize = LANES * BLOCK_BYTES;

/// Words of a schedule with their constants added, ready for the rounds: by round, then by block.
type Schedules = [[u32; LANES]; 64];

/// Section 4.2.2.
const K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// Takes whole groups into `state`; what is over is left. O(bytes).
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
pub(super) fn compress(state: &mut [u32; 8], groups: &[u8]) {
    let mut schedules: Schedules = [[0; LANES]; 64];
    for group in groups.chunks_exact(GROUP_BYTES) {
        schedule(&mut schedules, group.try_into().expect("it is a whole one"));
        for block in 0..LANES {
            let from_its_first = schedules.as_flattened()[block..].first_chunk();
            rounds(state, from_its_first.expect("the other lanes of the last word may be missing"));
        }
    }
}

/// Section 6.2.2, step 1, for four blocks.
#[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
fn schedule(schedules: &mut Schedules, group: &[u8; GROUP_BYTES]) {
    let mut w: [Lanes; 16] = [splat(0); 16];
    macro_rules! first {
        ($($t:literal)*) => { $(
            w[$t] = gather::<{ $t * 4 }>(group);
            schedules[$t] = words(add(w[$t], splat(K[$t])));
        )* };
    }
    macro_rules! next {
        ($($t:literal)*) => { $(
            let (x, y) = (w[($t + 1) % 16], w[($t + 14) % 16]);
            let small0 = xor(xor(xor(right::<7>(x), left::<25>(x)), xor(right::<18>(x), left::<14>(x))), right::<3>(x));
            let small1 = xor(xor(xor(right::<17>(y), left::<15>(y)), xor(right::<19>(y), left::<13>(y))), right::<10>(y));
            w[$t % 16] = add(add(add(w[$t % 16], small0), w[($t + 9) % 16]), small1);
            schedules[$t] = words(add(w[$t % 16], splat(K[$t])));
        )* };
    }
    first!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    next!(16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    next!(32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47);
    next!(48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
}

/// Section 6.2.2, steps 2 to 4, for one block: its words are each fourth. Unrolled, so that no variable is ever moved;
/// not inlined, so that a word is one load from a constant distance.
#[inline(never)]
#[allow(clippy::many_single_char_names, reason = "the standard's names")]
fn rounds(state: &mut [u32; 8], words: &[u32; 63 * LANES + 1]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    // Of the last round: what majority took from its first two words, it takes from its last two in the next.
    let mut b_c = b ^ c;
    macro_rules! round {
        ($a:ident $b:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $t:expr) => {
            let big1 = $e.rotate_right(6) ^ $e.rotate_right(11) ^ $e.rotate_right(25);
            let choice = $g ^ ($e & ($f ^ $g));
            let one = $h.wrapping_add(big1).wrapping_add(choice).wrapping_add(words[($t) * LANES]);
            $d = $d.wrapping_add(one);
            let big0 = $a.rotate_right(2) ^ $a.rotate_right(13) ^ $a.rotate_right(22);
            let a_b = $a ^ $b;
            let majority = $b ^ (a_b & b_c);
            $h = one.wrapping_add(big0).wrapping_add(majority);
            #[allow(unused_assignments, reason = "the last round leaves it to nobody")]
            {
                b_c = a_b;
            }
        };
    }
    macro_rules! eight_rounds {
        ($($t:literal)*) => { $(
            round!(a b d e f g h, $t);
            round!(h a c d e f g, $t + 1);
            round!(g h b c d e f, $t + 2);
            round!(f g a b c d e, $t + 3);
            round!(e f h a b c d, $t + 4);
            round!(d e g h a b c, $t + 5);
            round!(c d f g h a b, $t + 6);
            round!(b c e f g h a, $t + 7);
        )* };
    }
    eight_rounds!(0 8 16 24 32 40 48 56);
    let [a0, b0, c0, d0, e0, f0, g0, h0] = *state;
    // One by one: the module is built for size, where a loop stays a loop.
    *state = [
        a.wrapping_add(a0),
        b.wrapping_add(b0),
        c.wrapping_add(c0),
        d.wrapping_add(d0),
        e.wrapping_add(e0),
        f.wrapping_add(f0),
        g.wrapping_add(g0),
        h.wrapping_add(h0),
    ];
}

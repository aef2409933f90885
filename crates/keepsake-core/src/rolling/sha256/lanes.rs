//! Four words side by side: wasm's vectors, and plain arrays elsewhere. Owns the choice between the two.

#[cfg(target_family = "wasm")]
pub(super) use vectors::{Lanes, add, gather, left, right, splat, words, xor};

#[cfg(not(target_family = "wasm"))]
pub(super) use arrays::{Lanes, add, gather, left, right, splat, words, xor};

/// The big-endian word at `AT` of each block of a group.
fn word<const AT: usize>(group: &[u8; super::GROUP_BYTES], block: usize) -> [u8; 4] {
    let at = block * super::BLOCK_BYTES + AT;
    [group[at], group[at + 1], group[at + 2], group[at + 3]]
}

/// Safe to call from anywhere: a module with vectors runs only where there are vectors.
#[cfg(target_family = "wasm")]
mod vectors {
    use crate::rolling::sha256::{GROUP_BYTES, LANES};
    use core::arch::wasm32::{
        i8x16, i8x16_swizzle, u32x4, u32x4_add, u32x4_shl, u32x4_shr, u32x4_splat, v128, v128_xor,
    };

    pub(in super::super) type Lanes = v128;

    #[inline]
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn splat(word: u32) -> Lanes {
        u32x4_splat(word)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn add(one: Lanes, other: Lanes) -> Lanes {
        u32x4_add(one, other)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn xor(one: Lanes, other: Lanes) -> Lanes {
        v128_xor(one, other)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn left<const BITS: u32>(lanes: Lanes) -> Lanes {
        u32x4_shl(lanes, BITS)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn right<const BITS: u32>(lanes: Lanes) -> Lanes {
        u32x4_shr(lanes, BITS)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn gather<const AT: usize>(group: &[u8; GROUP_BYTES]) -> Lanes {
        let word = |block| u32::from_le_bytes(super::word::<AT>(group, block));
        let swapped = i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
        i8x16_swizzle(u32x4(word(0), word(1), word(2), word(3)), swapped)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub(in super::super) fn words(lanes: Lanes) -> [u32; LANES] {
        bytemuck::must_cast(lanes)
    }
}

#[cfg(not(target_family = "wasm"))]
mod arrays {
    use crate::rolling::sha256::{GROUP_BYTES, LANES};
    use core::array::from_fn;

    pub(in super::super) type Lanes = [u32; LANES];

    pub(in super::super) fn splat(word: u32) -> Lanes {
        [word; LANES]
    }

    pub(in super::super) fn add(one: Lanes, other: Lanes) -> Lanes {
        from_fn(|lane| one[lane].wrapping_add(other[lane]))
    }

    pub(in super::super) fn xor(one: Lanes, other: Lanes) -> Lanes {
        from_fn(|lane| one[lane] ^ other[lane])
    }

    pub(in super::super) fn left<const BITS: u32>(lanes: Lanes) -> Lanes {
        lanes.map(|word| word << BITS)
    }

    pub(in super::super) fn right<const BITS: u32>(lanes: Lanes) -> Lanes {
        lanes.map(|word| word >> BITS)
    }

    pub(in super::super) fn gather<const AT: usize>(group: &[u8; GROUP_BYTES]) -> Lanes {
        from_fn(|block| u32::from_be_bytes(super::word::<AT>(group, block)))
    }

    pub(in super::super) fn words(lanes: Lanes) -> [u32; LANES] {
        lanes
    }
}

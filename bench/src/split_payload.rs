//! A message for fragments, with a character that lies across two of them.

use crate::payload::{SEED, json, json_from};

/// How many messages are tried: one in fifty has a character across two of 16 fragments of 1 KiB.
const SEEDS: usize = 2_000;

/// JSON of exactly `size` bytes for so many fragments of the same size.
pub(crate) fn json_to_split(size: usize, fragments: usize) -> Vec<u8> {
    let is_cut = |json: &Vec<u8>| {
        let mut starts = (1..fragments).map(|index| index * size.div_ceil(fragments));
        // A byte that is not a character's first one.
        starts.any(|start| json.get(start).is_some_and(|byte| byte & 0xc0 == 0x80))
    };
    let mut candidates = (SEED..).take(SEEDS).map(|seed| json_from(seed, size));
    candidates.find(is_cut).unwrap_or_else(|| json(size))
}

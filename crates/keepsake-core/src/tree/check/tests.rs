//! Every place of a tree is damaged once: the check says so where it is a matter of the tree, and always comes to an end.

use crate::map::StableMap;
use crate::tree::node::{ENTRIES_MAX, HEAD_BYTES, NODE_MAGIC};
use crate::tree::{FIRST_CHUNK, HEADER_BYTES, LEN_OFFSET};
use ic_stable_structures::{Memory, VectorMemory};

const PAGE_BYTES: usize = 1_024;
const CHUNK_HEAD_BYTES: usize = 16;

type Map = StableMap<u64, Vec<u8>, VectorMemory>;

/// A tree of three levels, some of its nodes in many pages, with free pages between.
fn sound() -> VectorMemory {
    let memory = VectorMemory::default();
    let mut map = Map::init(memory.clone());
    for number in 0..300_u64 {
        let len = if number % 40 == 0 { 2_500 } else { 20 };
        map.insert(number * 977 % 300, vec![7; len]);
    }
    for number in 100..160 {
        assert!(map.remove(&number));
    }
    assert_eq!(check(&memory), Vec::<String>::new());
    memory
}

/// What is found; opening it is not to be the test.
fn check(memory: &VectorMemory) -> Vec<String> {
    let mut wrong = Vec::new();
    Map::init(memory.clone()).check_tree("a test", &mut wrong);
    wrong
}

/// The chunks that were ever taken: where each begins, and whether it is in use.
fn chunks(memory: &VectorMemory) -> Vec<(usize, bool)> {
    let bytes = memory.borrow();
    let starts = (usize::try_from(FIRST_CHUNK).unwrap()..).step_by(CHUNK_HEAD_BYTES + PAGE_BYTES);
    let heads = starts.take_while(|at| bytes.get(*at..*at + 3).is_some_and(|magic| magic == b"CHK"));
    heads.map(|at| (at, bytes[at + 4] == 1)).collect()
}

/// Bytes of a chunk that are the tree's own, and of which each has one right value.
fn structure(memory: &VectorMemory, at: usize, in_use: bool) -> Vec<usize> {
    let mut places: Vec<_> = (at..at + 5).collect();
    if !in_use {
        places.extend(at + 8..at + CHUNK_HEAD_BYTES);
        return places;
    }
    let (bytes, page) = (memory.borrow(), at + CHUNK_HEAD_BYTES);
    let mut own = 11;
    if bytes[page..].starts_with(NODE_MAGIC) {
        let count = usize::from(bytes[page + 5]);
        assert!(count <= ENTRIES_MAX);
        own = HEAD_BYTES + if bytes[page + 4] == 1 { (count + 1) * 8 } else { 0 };
    }
    places.extend(page..page + own);
    places
}

fn damaged(memory: &VectorMemory, at: usize, bits: u8) -> VectorMemory {
    let copy = VectorMemory::default();
    copy.grow(memory.size());
    copy.write(0, &memory.borrow());
    let byte = copy.borrow()[at];
    copy.write(at as u64, &[byte ^ bits]);
    copy
}

#[test]
fn each_damaged_byte_of_nodes_pages_and_free_chunks_is_found() {
    let memory = sound();
    let chunks = chunks(&memory);
    let free = chunks.iter().filter(|chunk| !chunk.1).count();
    assert!(free > 5 && chunks.len() - free > 40, "{free} of {} chunks are free", chunks.len());
    for (at, in_use) in chunks {
        for place in structure(&memory, at, in_use) {
            for bits in [0x01, 0xFF] {
                let found = check(&damaged(&memory, place, bits));
                assert_eq!(found.len(), 1, "byte {} of the chunk at {at} ({in_use}): {found:?}", place - at);
            }
        }
    }
}

#[test]
fn counts_that_are_not_those_of_what_is_there_are_found() {
    let memory = sound();
    // The root, the entries, the pages in use, the first free chunk.
    let fields = [12..20, 20..28, 68..76, 76..84];
    for place in fields.into_iter().flatten() {
        assert_eq!(check(&damaged(&memory, place, 0x01)).len(), 1, "byte {place} of the header");
    }
    let found = check(&damaged(&memory, usize::try_from(LEN_OFFSET).unwrap(), 0xFF));
    assert!(found[0].starts_with("the tree of a test: it counts"), "{found:?}");
    let empty = VectorMemory::default();
    Map::init(empty.clone());
    assert_eq!((check(&empty).len(), check(&damaged(&empty, 20, 1)).len()), (0, 1));
}

#[test]
fn whatever_byte_is_damaged_the_check_comes_to_an_end() {
    let memory = sound();
    let used = chunks(&memory).last().unwrap().0;
    let mut found = 0;
    for place in HEADER_BYTES..used {
        found += check(&damaged(&memory, place, 0xFF)).len();
    }
    println!("{found} of {used} bytes are the tree's own");
    assert!(found > used / 20, "{found} of {used}");
}

#[test]
fn a_node_in_the_place_of_another_is_found() {
    let memory = sound();
    let is_node = |at: &usize| memory.borrow()[at + CHUNK_HEAD_BYTES..].starts_with(NODE_MAGIC);
    let taken = chunks(&memory).into_iter().filter(|chunk| chunk.1).map(|chunk| chunk.0);
    let nodes: Vec<_> = taken.filter(is_node).collect();
    let page = |at: usize| memory.borrow()[at..at + CHUNK_HEAD_BYTES + PAGE_BYTES].to_vec();
    for (one, other) in nodes.iter().zip(&nodes[1..]) {
        let copy = damaged(&memory, 0, 0);
        copy.write(*one as u64, &page(*other));
        assert_eq!(check(&copy).len(), 1, "the chunk at {one} is the one at {other}");
    }
}

#[test]
fn further_pages_that_go_in_circles_or_are_shared_are_found() {
    let memory = sound();
    let pages = chunks(&memory).into_iter().filter(|chunk| chunk.1).map(|chunk| chunk.0 + CHUNK_HEAD_BYTES);
    let further: Vec<_> = pages.filter(|at| memory.borrow()[*at..].starts_with(b"NOF")).collect();
    assert!(further.len() > 5, "{} further pages", further.len());
    for (one, other) in further.iter().zip(further.iter().cycle().skip(1)) {
        for next in [one, other] {
            let copy = damaged(&memory, 0, 0);
            copy.write(*one as u64 + 3, &(*next as u64).to_le_bytes());
            let is_so = copy.borrow()[..] == memory.borrow()[..];
            assert_eq!(check(&copy).len(), usize::from(!is_so), "after {one} comes {next}");
        }
    }
}

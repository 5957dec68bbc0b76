use std::hint::black_box;

use crate::parts::Part;

/// The machine's own measure: copying so many bytes.
pub(crate) struct Copy {
    from: Vec<u8>,
    to: Vec<u8>,
    operations: usize,
}

impl Copy {
    pub(crate) fn new(bytes: usize, operations: usize) -> Self {
        Self { from: vec![1; bytes], to: vec![0; bytes], operations }
    }
}

impl Part for Copy {
    fn prepare(&mut self) {}

    fn run(&mut self) {
        for _ in 0..self.operations {
            black_box(&mut self.to[..]).copy_from_slice(black_box(&self.from));
        }
    }
}

//! Inflates in the slowest way there is (RFC 1951), with a window of any size, and remembers how far the data
//! has referred back: the oracle for what the crate sends.

use crate::deflate::TAIL;

#[derive(Debug)]
pub(crate) struct Naive {
    window: usize,
    output: Vec<u8>,
    /// The farthest reference so far.
    pub(crate) farthest: usize,
}

/// The data is no DEFLATE data, or goes past the window.
type Fault = &'static str;

impl Naive {
    /// One with a window of so many bytes.
    pub(crate) fn new(window: usize) -> Self {
        Self { window, output: Vec::new(), farthest: 0 }
    }

    /// The message of a compressed payload, all of whose blocks must end in it.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, Fault> {
        let input = [payload, &TAIL].concat();
        let mut bits = Input { bytes: &input, at: 0 };
        let start = self.output.len();
        while bits.at < 8 * input.len() {
            self.block(&mut bits)?;
        }
        Ok(self.output[start..].to_vec())
    }

    fn block(&mut self, bits: &mut Input<'_>) -> Result<(), Fault> {
        if bits.number(1)? == 1 {
            return Err("BFINAL");
        }
        match bits.number(2)? {
            0 => self.stored(bits),
            1 => {
                let literal = |symbol| match symbol {
                    0..=143 => 8,
                    144..=255 => 9,
                    256..=279 => 7,
                    _ => 8,
                };
                self.coded(bits, &Code::new((0..288).map(literal)), &Code::new([5; 30].into_iter()))
            }
            2 => {
                let (literals, distances) = dynamic(bits)?;
                self.coded(bits, &literals, &distances)
            }
            _ => Err("block type"),
        }
    }

    fn stored(&mut self, bits: &mut Input<'_>) -> Result<(), Fault> {
        bits.at = bits.at.next_multiple_of(8);
        let (len, complement) = (bits.number(16)?, bits.number(16)?);
        if len != !complement & 0xffff {
            return Err("stored length");
        }
        for _ in 0..len {
            let byte = bits.number(8)? as u8;
            self.output.push(byte);
        }
        Ok(())
    }

    fn coded(
        &mut self,
        bits: &mut Input<'_>,
        literals: &Code,
        distances: &Code,
    ) -> Result<(), Fault> {
        loop {
            let len = match literals.symbol(bits)? {
                byte @ 0..=255 => {
                    self.output.push(byte as u8);
                    continue;
                }
                256 => return Ok(()),
                symbol @ 257..=264 => symbol - 254,
                symbol @ 265..=284 => {
                    let extra = (symbol - 261) / 4;
                    ((4 + (symbol - 265) % 4) << extra) + 3 + bits.number(extra as u32)? as usize
                }
                285 => 258,
                _ => return Err("length code"),
            };
            let distance = match distances.symbol(bits)? {
                symbol @ 0..=3 => symbol + 1,
                symbol @ 4..=29 => {
                    let extra = symbol / 2 - 1;
                    ((2 + symbol % 2) << extra) + 1 + bits.number(extra as u32)? as usize
                }
                _ => return Err("distance code"),
            };
            if distance > self.window || distance > self.output.len() {
                return Err("distance");
            }
            self.farthest = self.farthest.max(distance);
            for _ in 0..len {
                self.output.push(self.output[self.output.len() - distance]);
            }
        }
    }
}

/// A dynamic block's two codes (section 3.2.7).
fn dynamic(bits: &mut Input<'_>) -> Result<(Code, Code), Fault> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let literals = 257 + bits.number(5)? as usize;
    let all = literals + 1 + bits.number(5)? as usize;
    let mut lengths = [0; 19];
    for place in &ORDER[..4 + bits.number(4)? as usize] {
        lengths[*place] = bits.number(3)? as usize;
    }
    let code = Code::new(lengths.into_iter());
    let mut lengths: Vec<usize> = Vec::new();
    while lengths.len() < all {
        let (length, times) = match code.symbol(bits)? {
            16 => (*lengths.last().ok_or("repeat")?, 3 + bits.number(2)?),
            17 => (0, 3 + bits.number(3)?),
            18 => (0, 11 + bits.number(7)?),
            length => (length, 1),
        };
        lengths.extend((0..times).map(|_| length));
    }
    if lengths.len() > all {
        return Err("repeat");
    }
    let (literals, distances) = lengths.split_at(literals);
    Ok((Code::new(literals.iter().copied()), Code::new(distances.iter().copied())))
}

/// A canonical Huffman code (section 3.2.2).
struct Code {
    /// How many codes there are of each length.
    counts: [usize; 16],
    /// The symbols by code.
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: impl Iterator<Item = usize> + Clone) -> Self {
        let mut counts = [0; 16];
        let mut symbols = Vec::new();
        for (length, count) in counts.iter_mut().enumerate().skip(1) {
            let of_length = lengths.clone().enumerate().filter(|(_, other)| *other == length);
            let before = symbols.len();
            symbols.extend(of_length.map(|(symbol, _)| symbol));
            *count = symbols.len() - before;
        }
        Self { counts, symbols }
    }

    fn symbol(&self, bits: &mut Input<'_>) -> Result<usize, Fault> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.number(1)? as usize;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err("code")
    }
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn number(&mut self, count: u32) -> Result<u32, Fault> {
        let mut value = 0;
        for bit in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or("the end")?;
            value |= u32::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Ok(value)
    }
}

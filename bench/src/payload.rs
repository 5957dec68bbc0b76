//! The messages: JSON that looks like an application's, the same on every run.

/// Of the records that are sent unless others are asked for.
pub(crate) const SEED: u64 = 0x0b0e_11e5;

/// JSON of exactly `size` bytes: records, and a note that fills what is left.
pub(crate) fn json(size: usize) -> Vec<u8> {
    json_from(SEED, size)
}

/// The same of other records.
pub(crate) fn json_from(seed: u64, size: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = String::from("[");
    // Room for the note in any case: a record more could leave less than the note's own frame takes.
    loop {
        let record = record(&mut random);
        if text.len() + record.len() + ",".len() + NOTE_START.len() + NOTE_END.len() > size {
            break;
        }
        text.push_str(&record);
        text.push(',');
    }
    text.push_str(NOTE_START);
    for letter in NOTE.chars().cycle().take(size - text.len() - NOTE_END.len()) {
        text.push(letter);
    }
    text.push_str(NOTE_END);
    assert_eq!(text.len(), size, "the message has the size of its row");
    text.into_bytes()
}

const NOTE_START: &str = r#"{"note":""#;
const NOTE_END: &str = r#""}]"#;
const NOTE: &str = "delivered to the back door as agreed on the phone, please ring twice; ";

const NAMES: [&str; 8] = [
    "Ada Keller",
    "Zoë Brandt",
    "Tomás Rivera",
    "Ingrid Solheim",
    "Marek Nowak",
    "Aiko Tanaka",
    "Noor Haddad",
    "Liam O'Brien",
];
const STATES: [&str; 4] = ["open", "filled", "cancelled", "partially filled"];

fn record(random: &mut Random) -> String {
    let id = 100_000 + random.below(900_000);
    let name = NAMES[random.below(NAMES.len())];
    let state = STATES[random.below(STATES.len())];
    let price = random.below(10_000_000) as f64 / 1e4;
    let latitude = random.below(180_000_000) as f64 / 1e6 - 90.0;
    let quantity = 1 + random.below(500);
    let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
    let millisecond = random.below(1000);
    format!(
        "{{\"id\":{id},\"name\":\"{name}\",\"state\":\"{state}\",\"price\":{price:.4},\
         \"latitude\":{latitude:.6},\"quantity\":{quantity},\
         \"at\":\"2026-03-14T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z\"}}"
    )
}

/// SplitMix64: messages must be the same on every machine, and in every later version of this program.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

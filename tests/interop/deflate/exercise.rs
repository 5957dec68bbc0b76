//! What each connection carries, and how it is to look on the wire.

use std::{collections::HashMap, fmt, sync::LazyLock};

use bowline::{ContextTakeover, Message};
use bytes::Bytes;

use super::{
    Manner,
    negotiation::Row,
    parameters::{CLIENT_BITS, CLIENT_CONTEXT, SERVER_BITS, SERVER_CONTEXT, table},
    wire::{Carried, Form},
};
use crate::cases;

/// zlib looks this far ahead, and so cannot refer back by the whole of its window.
const LOOK_AHEAD: usize = 262;

/// One thing that a client sends.
#[derive(Clone, Debug)]
pub(super) struct Step {
    kind: String,
    size: usize,
    message: Message,
}

/// The exercise of this name.
pub(super) fn exercise(name: &str) -> &'static [Step] {
    static EXERCISES: LazyLock<HashMap<String, Vec<Step>>> = LazyLock::new(|| {
        let exercises: HashMap<String, Vec<(String, usize)>> =
            serde_json::from_value(table("exercises")).expect("exercises");
        let to_steps = |steps: Vec<_>| steps.into_iter().map(Step::new).collect();
        exercises.into_iter().map(|(name, steps)| (name, to_steps(steps))).collect()
    });
    &EXERCISES[name]
}

impl Step {
    fn new((kind, size): (String, usize)) -> Self {
        let message = match kind.as_str() {
            "text" => cases::text(size).into(),
            "binary" => cases::binary(size).into(),
            "noise" => noise(size).into(),
            "twice" => [noise(size), noise(size)].concat().into(),
            "hex" => hex(size).into(),
            "fragments" => cases::fragmented_text().into(),
            "ping" => Message::Ping(cases::binary(size)),
            kind => panic!("no such kind of message: {kind}"),
        };
        Self { kind, size, message }
    }

    pub(super) fn message(&self) -> Message {
        self.message.clone()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.size)
    }
}

/// Bytes in which nothing is repeated, the same for each size.
fn noise(size: usize) -> Bytes {
    let mut state = size as u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// A text of this many hexadecimal digits, in which nothing is repeated.
fn hex(size: usize) -> String {
    noise(size / 2).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was agreed for the messages of one end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direction {
    context: ContextTakeover,
    window: usize,
}

impl Direction {
    /// For what the server sends.
    pub(super) fn of_server(row: &Row) -> Option<Self> {
        let answer = row.answer.as_ref()?;
        let bits = [answer.bits(SERVER_BITS), row.wish.bits(SERVER_BITS)];
        Some(Self::new(answer.has(SERVER_CONTEXT), bits))
    }

    /// For what the client sends, which may do with less than it was granted.
    pub(super) fn of_client(row: &Row) -> Option<Self> {
        let answer = row.answer.as_ref()?;
        let bits = [answer.bits(CLIENT_BITS), row.offer.bits(CLIENT_BITS)];
        let drops = [answer, &row.offer].iter().any(|said| said.has(CLIENT_CONTEXT));
        Some(Self::new(drops, bits))
    }

    fn new(drops: bool, bits: [Option<u8>; 2]) -> Self {
        let context = if drops { ContextTakeover::Dropped } else { ContextTakeover::Kept };
        // zlib has 9 bits in the place of 8, and keeps to 8 by its look-ahead.
        let bits = bits.into_iter().flatten().min().unwrap_or(15).max(9);
        Self { context, window: 1 << bits }
    }

    /// Whether something this far back can be referred to; `None` where that depends on more.
    fn reaches(&self, distance: usize) -> Option<bool> {
        match distance {
            near if near + LOOK_AHEAD <= self.window => Some(true),
            far if far > self.window => Some(false),
            _ => None,
        }
    }
}

/// Holds what was carried in one direction to what was agreed on.
pub(super) fn judge(
    steps: &[Step],
    carried: &[Carried],
    direction: Option<Direction>,
    bowline: Option<Manner>,
) -> Result<(), String> {
    let steps: Vec<_> = steps.iter().filter(|step| step.kind != "ping").collect();
    if steps.len() != carried.len() {
        return Err(format!("{} messages, {} expected", carried.len(), steps.len()));
    }
    for (index, (step, carried)) in steps.iter().zip(carried).enumerate() {
        let repeats = direction.and_then(|direction| repeats(&steps[..=index], direction));
        let verdict = judge_message(step, *carried, direction, repeats).and_then(|()| {
            bowline.map_or(Ok(()), |manner| judge_own(step, *carried, direction, manner))
        });
        verdict.map_err(|expected| {
            format!("{step}, the {index}th: {carried:?}, {expected} expected")
        })?;
    }
    Ok(())
}

/// Whether the last of these messages can refer back to one like it. `None` where that is uncertain, or not
/// to be seen.
fn repeats(steps: &[&Step], direction: Direction) -> Option<bool> {
    let (step, before) = steps.split_last()?;
    if step.kind == "twice" {
        return direction.reaches(step.size);
    }
    if step.kind != "noise" {
        return None;
    }
    let is_like = |earlier: &&Step| earlier.kind == step.kind && earlier.size == step.size;
    let Some(earlier) = before.iter().rposition(is_like) else { return Some(false) };
    if direction.context == ContextTakeover::Dropped {
        return Some(false);
    }
    // At most: what is not compressed doesn't come into the window.
    let distance = before[earlier..].iter().map(|between| between.message.len()).sum();
    match (direction.reaches(step.size), direction.reaches(distance)) {
        (Some(false), _) => Some(false),
        (_, Some(true)) => Some(true),
        _ => None,
    }
}

/// What holds for all.
fn judge_message(
    step: &Step,
    carried: Carried,
    direction: Option<Direction>,
    repeats: Option<bool>,
) -> Result<(), &'static str> {
    let size = step.message.len();
    if direction.is_none() && (carried.form, carried.size) != (Form::AsItIs, size) {
        return Err("no compression");
    }
    if direction.is_none() {
        return Ok(());
    }
    match (step.kind.as_str(), repeats) {
        ("text", _) if size >= 1024 && carried.size > size / 20 => Err("compression"),
        ("noise", Some(true)) if carried.size > size / 4 => Err("a reference to what came before"),
        ("noise", Some(false)) if carried.size < size => Err("no reference to what came before"),
        ("twice", Some(true)) if carried.size > size * 13 / 20 => {
            Err("a reference inside the window")
        }
        ("twice", Some(false)) if carried.size < size => Err("no reference outside the window"),
        _ => Ok(()),
    }
}

/// What holds for bowline.
fn judge_own(
    step: &Step,
    carried: Carried,
    direction: Option<Direction>,
    manner: Manner,
) -> Result<(), &'static str> {
    let most = manner.frame_size().unwrap_or(usize::MAX);
    if carried.frames != carried.size.max(1).div_ceil(most) {
        return Err("another number of frames");
    }
    let Some(direction) = direction else { return Ok(()) };
    let size = step.message.len();
    let is_compressed = carried.form == Form::Compressed;
    let has_grown = carried.size > size || (is_compressed && carried.size == size);
    match direction.context {
        _ if !is_compressed && carried.size != size => Err("the plain size"),
        _ if size < manner.threshold() && is_compressed => {
            Err("no compression below the threshold")
        }
        _ if size < manner.threshold() => Ok(()),
        ContextTakeover::Dropped if has_grown => Err("the smaller form"),
        // A message that fills the window leaves nothing before it to refer to.
        ContextTakeover::Kept if size >= direction.window && has_grown => Err("the smaller form"),
        ContextTakeover::Kept if size < direction.window && !is_compressed => {
            Err("compression above the threshold")
        }
        _ => Ok(()),
    }
}

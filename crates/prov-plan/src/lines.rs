//! A plan's actions as lines of JSON, many at a time: the causes that actions share are written out once, and stretches of
//! actions side by side.
//! Invariant: a line is what [`ActionView`] serializes to, and lines come in the order of the plan, whatever the number of
//! threads.

use crate::json::Changes;
use crate::plan::severity_name;
use crate::{ActionId, ActionView, Plan};
use rayon::prelude::*;
use std::io::{self, Write};

/// Actions that are written in one piece.
const STRETCH: usize = 4096;

/// Pieces that are in memory at one time.
const PIECES: usize = 16;

/// Writes all actions, one a line.
pub(crate) fn write(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    let causes: Vec<Vec<u8>> =
        plan.causes.iter().map(serde_json::to_vec).collect::<Result<_, serde_json::Error>>()?;
    let starts: Vec<usize> = (0..plan.actions.len()).step_by(STRETCH).collect();
    for starts in starts.chunks(PIECES) {
        let pieces: Vec<io::Result<Vec<u8>>> =
            starts.par_iter().map(|start| piece(plan, &causes, *start)).collect();
        for piece in pieces {
            out.write_all(&piece?)?;
        }
    }
    Ok(())
}

fn piece(plan: &Plan, causes: &[Vec<u8>], start: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(STRETCH * 256);
    for action in plan.actions().skip(start).take(STRETCH) {
        line(&mut out, action, causes)?;
    }
    Ok(out)
}

fn line(out: &mut Vec<u8>, action: ActionView<'_>, causes: &[Vec<u8>]) -> io::Result<()> {
    out.extend_from_slice(b"{\"id\":");
    id(out, action.id());
    text(out, b",\"action\":", action.kind().name())?;
    text(out, b",\"identity\":", action.identity())?;
    text(out, b",\"app\":", action.app())?;
    if let Some(account) = action.account() {
        text(out, b",\"account\":", account)?;
    }
    if let Some((kind, value)) = action.entitlement() {
        text(out, b",\"entitlement\":{\"kind\":", kind)?;
        text(out, b",\"value\":", value)?;
        out.push(b'}');
    }
    if !action.changes().is_empty() {
        out.extend_from_slice(b",\"changes\":");
        serde_json::to_writer(&mut *out, &Changes(action.changes()))?;
    }
    for (i, before) in action.after().enumerate() {
        out.extend_from_slice(if i == 0 { b",\"after\":[" } else { b"," });
        id(out, before.id());
    }
    if action.after().len() > 0 {
        out.push(b']');
    }
    if action.is_leaver() {
        out.extend_from_slice(b",\"lane\":\"leaver\"");
    }
    out.extend_from_slice(b",\"because\":");
    out.extend_from_slice(causes.get(action.cause()).map_or(b"[]", |c| c));
    if let Some(risk) = action.risk() {
        text(out, b",\"risk\":", severity_name(risk))?;
    }
    if action.is_report() {
        out.extend_from_slice(b",\"report\":true");
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn text(out: &mut Vec<u8>, key: &[u8], value: &str) -> io::Result<()> {
    out.extend_from_slice(key);
    if value.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
        return Ok(());
    }
    Ok(serde_json::to_writer(out, value)?)
}

fn id(out: &mut Vec<u8>, id: ActionId) {
    out.push(b'"');
    out.extend_from_slice(&id.digits());
    out.push(b'"');
}

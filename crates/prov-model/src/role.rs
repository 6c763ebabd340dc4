//! Arguments of roles with parameters: how they are read, compared and shown.
//! Invariant: two lists of arguments name one instance of a role if, and only if, their keys are equal.

use crate::{
    AppId, CellError, KindId, RawCell, Schema, Type, Value, Zone, cell_value, fold, join_values, nfc,
};

/// A parameter of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type: a plain value that is always there.
    pub ty: Type,
    /// Kinds that the role grants by this value alone, with a catalog: an argument must be in it.
    pub catalogs: Vec<(AppId, KindId)>,
}

/// Reads arguments as they are spelled outside of a policy, by the types of the parameters.
///
/// # Errors
/// What is wrong: their number, or one of them.
pub fn read_arguments(
    args: &[String],
    params: &[Param],
    schema: &Schema,
    zone: &Zone,
) -> Result<Vec<Value<'static>>, CellError> {
    if args.len() != params.len() {
        let takes = match params.len() {
            0 => "no arguments".to_owned(),
            1 => "1 argument".to_owned(),
            n => format!("{n} arguments"),
        };
        return Err(CellError {
            code: "P0602",
            message: format!("the role takes {takes}, not {}", args.len()),
            value: args.join("|"),
            candidates: vec![],
        });
    }
    let read = |(arg, param): (&String, &Param)| {
        let cell = if arg.trim().is_empty() { RawCell::Absent } else { RawCell::Text(arg) };
        cell_value(cell, &param.ty, schema, zone).map(Value::into_owned)
    };
    args.iter().zip(params).map(read).collect()
}

/// What tells one instance of a role from the others: its arguments, each as its type compares.
pub fn arguments_key(args: &[Value<'_>], params: &[Param], schema: &Schema) -> String {
    let part = |(value, param): (&Value<'_>, &Param)| {
        let plain = value.plain(&param.ty, schema);
        if param.ty == Type::Text { fold(&plain).into_owned() } else { nfc(&plain).into_owned() }
    };
    join_values(&args.iter().zip(params).map(part).collect::<Vec<_>>())
}

/// Arguments as a policy writes them, in parentheses: `("A3", night)`.
pub fn arguments_shown(args: &[Value<'_>], params: &[Param], schema: &Schema) -> String {
    let parts: Vec<String> = args.iter().zip(params).map(|(v, p)| v.shown(&p.ty, schema)).collect();
    format!("({})", parts.join(", "))
}

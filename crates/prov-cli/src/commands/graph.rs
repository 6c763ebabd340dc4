//! `prov graph`

use crate::args::{GraphArg, GraphArgs};
use crate::output::{Done, Output};
use prov::GraphFormat;

pub fn run(args: &GraphArgs, out: &Output) -> Done {
    let policy = super::policy(&args.dir, out)?;
    let format = match args.to {
        GraphArg::Dot => GraphFormat::Dot,
        GraphArg::Mermaid => GraphFormat::Mermaid,
    };
    out.print(&prov::graph(&policy, format)).map(|()| 0)
}

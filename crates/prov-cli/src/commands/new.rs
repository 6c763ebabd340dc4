//! `prov new`

use crate::args::{NewArgs, TemplateArg};
use crate::output::{Done, Failure, Output};
use prov::template::{self, Template, TemplateError};

pub fn run(args: &NewArgs, out: &Output) -> Done {
    let template = match args.template {
        TemplateArg::Minimal => Template::Minimal,
        TemplateArg::Company => Template::Company,
        TemplateArg::Campus => Template::Campus,
    };
    let files = template::write(template, &args.dir).map_err(|e| match e {
        TemplateError::Io(path, e) => Failure::Write(path, e),
        e @ (TemplateError::NotEmpty(_) | TemplateError::NotADirectory(_)) => {
            Failure::Message(e.to_string(), "name a folder that is not there yet, or an empty one".into())
        }
    })?;
    let dir = args.dir.display();
    out.say(&format!("made {dir} with {} files: {}", files.len(), template.describe()));
    out.say(&format!("next: prov plan {dir} --at {}", template::ANCHOR));
    Ok(0)
}

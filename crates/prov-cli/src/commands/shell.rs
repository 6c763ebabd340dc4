//! `prov completions`, `prov man`

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::output::{Done, Failure, Output, write_file};
use clap::CommandFactory;

pub fn completions(args: &CompletionsArgs, out: &Output) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "prov", &mut script);
    out.print(&String::from_utf8_lossy(&script)).map(|()| 0)
}

pub fn man(args: &ManArgs, out: &Output) -> Done {
    let command = Args::command();
    let Some(dir) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return out.print(&String::from_utf8_lossy(&page)).map(|()| 0);
    };
    std::fs::create_dir_all(dir).map_err(|e| Failure::Write(dir.clone(), e))?;
    let mut all = vec![("prov".to_owned(), command.clone())];
    all.extend(command.get_subcommands().map(|c| (format!("prov-{}", c.get_name()), c.clone())));
    for (name, command) in all {
        let page = clap_mangen::Man::new(command).title(name.clone());
        write_file(&dir.join(format!("{name}.1")), |w| page.render(&mut { w }))?;
    }
    Ok(0)
}

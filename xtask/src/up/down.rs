//! `down`: stop the stack cleanly, and delete its data on request.

use crate::{
    stack::{self, StackOptions, compose::data, native},
    world::World,
};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Also delete the stack's data: database, demo, logs, secrets in its folder. Backups are kept
    #[arg(long)]
    delete_data: bool,
    #[command(flatten)]
    stack: StackOptions,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.stack.folder(world)?;
    if !folder.0.exists() {
        println!("no stack is running");
        return Ok(());
    }
    let _lock = folder.lock()?;
    match (stack::open(world, &folder)?.stop()?, stack::copied_from(&folder)?) {
        (true, _) => println!("stopped"),
        (false, None) => println!("no stack is running"),
        (false, Some(original)) => println!("{}", stack::describe_copy(&original)),
    }
    if arguments.delete_data {
        data::delete(&folder)?;
        native::delete_data(&folder)?;
        println!("deleted the data of the stack in {}", folder.0.display());
    }
    Ok(())
}

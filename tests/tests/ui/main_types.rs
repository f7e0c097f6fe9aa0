//! Mismatched types are reported in the body, as for any function.

use std::num::ParseIntError;

#[runtime::main]
async fn value_at_the_end() -> Result<u32, ParseIntError> {
    let number: u32 = "1".parse()?;
    number
}

#[runtime::main]
async fn value_from_unit() {
    Ok(())
}

#[runtime::main]
async fn early_return() -> Result<(), ParseIntError> {
    if true {
        return "early";
    }
    Ok(())
}

#[runtime::main]
async fn wrong_error() -> Result<(), ParseIntError> {
    std::fs::read("file")?;
    Ok(())
}

#[runtime::main]
async fn semicolon() -> u32 {
    1 + 1;
}

#[runtime::main]
async fn nothing() -> u32 {}

#[runtime::test]
async fn in_a_test() -> Result<(), ParseIntError> {
    "1".parse::<u32>()
}

fn main() {}

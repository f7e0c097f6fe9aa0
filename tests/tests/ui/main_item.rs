//! The attribute is not on an async function.

#[runtime::main]
fn main() {}

#[runtime::main]
struct NotAFunction {
    field: u8,
}

#[runtime::main]
const NOT_A_FUNCTION: u8 = 1;

trait Trait {
    #[runtime::main]
    async fn without_body();
}

#[runtime::test]
fn not_async() {}

//! Parameters where nobody could give them.

#[runtime::main]
async fn main(arguments: Vec<String>) {
    println!("{arguments:?}");
}

#[runtime::test]
async fn test(fixture: u8) {
    assert_eq!(fixture, 0);
}

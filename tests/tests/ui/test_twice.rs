//! Two attributes that both make a test.

#[runtime::test]
#[test]
async fn below() {}

#[runtime::test]
#[runtime::test]
async fn twice() {}

#[runtime::test]
#[::core::prelude::v1::test]
async fn long_name() {}

fn main() {}

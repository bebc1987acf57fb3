fn main() { std::env::var("SQUALL_LOG"); }

pub fn it_counts(net: Net) {
    net.pass(1);
}
#[cfg(test)]
mod it_counts {
    #[test]
    fn natively() {
        super::it_counts(::althing_sdk::testing::Net::native());
    }
}

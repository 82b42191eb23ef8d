//! irpscope.sys in the lab, as any driver project would have it: `docs/lab.md` shows this file.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[test]
#[ignore = "needs the driver that cargo xtask build makes"]
fn the_driver_keeps_the_rules() -> Result<(), lab::LabError> {
    let driver = irpscope_tests::driver_path();
    lab::Lab::open(driver)?
        .scenario("mixed")
        .seeds(1..=200)
        .run()?
        .assert_clean();
    Ok(())
}

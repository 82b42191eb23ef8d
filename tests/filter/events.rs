//! The events: each number that the driver writes has a text in the image, where Windows looks for it.

/// RT_MESSAGETABLE as the build script makes it: one block, whose entries are 16 bytes behind its begin.
const ENTRIES_AT: usize = 16;

macro_rules! messages {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// Every event and its text.
        const MESSAGES: &[(u32, &str)] = &[$(($code, $text)),*];
    };
}

include!("../../src/messages.in.rs");

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_event_has_its_text_in_the_message_table_of_the_image() {
    let image = std::fs::read(irpscope_tests::driver_path()).expect("the driver is built");
    let codes: Vec<u32> = MESSAGES.iter().map(|(code, _)| *code).collect();
    let (first, last) = (codes[0], codes[codes.len() - 1]);
    assert_eq!(
        codes,
        (first..=last).collect::<Vec<_>>(),
        "one block needs numbers without a gap"
    );
    let head: Vec<u8> = [1, first, last, ENTRIES_AT as u32]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let table = image
        .windows(head.len())
        .position(|window| window == head)
        .expect("the message table is there");

    let mut at = table + ENTRIES_AT;
    for (code, text) in MESSAGES {
        let entry = word(&image, at);
        let (length, flags) = ((entry & 0xFFFF) as usize, entry >> 16);
        assert_eq!(flags, 1, "{code:#x} is not in UTF-16");
        assert_eq!(length % 4, 0, "{code:#x}");
        let units = image[at + 4..at + length]
            .chunks_exact(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        assert_eq!(String::from_utf16_lossy(&units), format!("{text}\r\n"), "{code:#x}");
        at += length;
    }
}

#[test]
fn an_event_is_a_customers_warning_of_an_io_driver() {
    for (code, text) in MESSAGES {
        assert_eq!(code & 0xFFFF_0000, 0xA004_0000, "{code:#x}");
        // %1 is the device or the driver, %2 what the driver adds, and nothing adds more.
        assert!(!text.contains("%3") && text.ends_with('.'), "{text}");
    }
}

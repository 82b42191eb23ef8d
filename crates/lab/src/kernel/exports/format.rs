//! Formatting, as DbgPrint and the run-time library's sprintf do it. No floating point: kernel code has none.

use crate::guest;

/// The longest text that a string argument is shown with.
const STRING_MAX: usize = 4096;

/// How wide a field may be: a driver that asks for more by mistake gets this much.
const WIDTH_MAX: usize = 4096;

/// How wide an integer argument is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Char,
    Short,
    Int,
    /// 64 bits.
    Long,
}

struct Conversion {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    size: Size,
    /// `l` or `w`: a string of 16-bit units.
    wide: bool,
    /// `h`: a string of bytes.
    narrow: bool,
}

/// Formats `pattern` with what `argument` gives for each conversion. `wide` is the pattern's own kind of characters,
/// which `%s` follows.
pub(super) fn format(pattern: &str, wide: bool, argument: impl Fn(usize) -> usize) -> String {
    let mut text = String::new();
    let mut next = 0;
    let mut take = || {
        next += 1;
        argument(next - 1)
    };
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let conversion = parse(&mut rest, &mut take);
        match rest.next() {
            None => break,
            Some('%') => text.push('%'),
            Some(letter) => text += &convert(&conversion, letter, wide, &mut take),
        }
    }
    text
}

/// Reads what stands between the percent sign and the letter.
fn parse(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, take: &mut impl FnMut() -> usize) -> Conversion {
    let mut conversion = Conversion {
        left: false,
        plus: false,
        space: false,
        alternate: false,
        zero: false,
        width: 0,
        precision: None,
        size: Size::Int,
        wide: false,
        narrow: false,
    };
    while let Some(&flag) = rest.peek() {
        match flag {
            '-' => conversion.left = true,
            '+' => conversion.plus = true,
            ' ' => conversion.space = true,
            '#' => conversion.alternate = true,
            '0' => conversion.zero = true,
            _ => break,
        }
        rest.next();
    }
    if rest.next_if_eq(&'*').is_some() {
        let width = take() as u32 as i32;
        conversion.left |= width < 0;
        conversion.width = (width.unsigned_abs() as usize).min(WIDTH_MAX);
    } else {
        conversion.width = number(rest);
    }
    if rest.next_if_eq(&'.').is_some() {
        conversion.precision = if rest.next_if_eq(&'*').is_some() {
            usize::try_from(take() as u32 as i32)
                .ok()
                .map(|given| given.min(WIDTH_MAX))
        } else {
            Some(number(rest))
        };
    }
    while let Some(&modifier) = rest.peek() {
        match modifier {
            'l' => {
                rest.next();
                conversion.wide = true;
                if rest.next_if_eq(&'l').is_some() {
                    conversion.size = Size::Long;
                }
                continue;
            }
            'h' => {
                conversion.narrow = true;
                conversion.size = if conversion.size == Size::Short {
                    Size::Char
                } else {
                    Size::Short
                };
            }
            'w' => conversion.wide = true,
            'I' => {
                rest.next();
                conversion.size = match number(rest) {
                    32 => Size::Int,
                    _ => Size::Long,
                };
                continue;
            }
            'z' | 'j' | 't' => conversion.size = Size::Long,
            _ => break,
        }
        rest.next();
    }
    conversion
}

fn number(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> usize {
    let mut value = 0_usize;
    while let Some(digit) = rest.peek().and_then(|character| character.to_digit(10)) {
        value = (value * 10 + digit as usize).min(WIDTH_MAX);
        rest.next();
    }
    value
}

fn convert(conversion: &Conversion, letter: char, wide: bool, take: &mut impl FnMut() -> usize) -> String {
    match letter {
        'd' | 'i' => {
            let value = take();
            let value = match conversion.size {
                Size::Char => i64::from(value as u8 as i8),
                Size::Short => i64::from(value as u16 as i16),
                Size::Int => i64::from(value as u32 as i32),
                Size::Long => value as i64,
            };
            let sign = match value {
                ..0 => "-",
                _ if conversion.plus => "+",
                _ if conversion.space => " ",
                _ => "",
            };
            integer(conversion, sign, &value.unsigned_abs().to_string())
        }
        'u' => integer(conversion, "", &unsigned(conversion, take()).to_string()),
        'o' => integer(conversion, "", &format!("{:o}", unsigned(conversion, take()))),
        'x' => {
            let value = unsigned(conversion, take());
            let prefix = if conversion.alternate && value != 0 { "0x" } else { "" };
            integer(conversion, prefix, &format!("{value:x}"))
        }
        'X' => {
            let value = unsigned(conversion, take());
            let prefix = if conversion.alternate && value != 0 { "0X" } else { "" };
            integer(conversion, prefix, &format!("{value:X}"))
        }
        'p' => pad(conversion, format!("{:016X}", take())),
        'c' | 'C' => {
            let character = char::from_u32(u32::from(take() as u16)).unwrap_or('?');
            pad(conversion, character.to_string())
        }
        's' | 'S' => {
            let other = letter == 'S';
            let is_wide = !conversion.narrow && (conversion.wide || wide != other);
            pad(conversion, string(take(), is_wide, conversion.precision))
        }
        'Z' => {
            let address = take();
            let text = if conversion.wide || (wide && !conversion.narrow) {
                guest::unicode_string(address)
            } else {
                counted(address)
            };
            pad(conversion, text)
        }
        other => format!("%{other}"),
    }
}

fn unsigned(conversion: &Conversion, value: usize) -> u64 {
    match conversion.size {
        Size::Char => u64::from(value as u8),
        Size::Short => u64::from(value as u16),
        Size::Int => u64::from(value as u32),
        Size::Long => value as u64,
    }
}

fn integer(conversion: &Conversion, sign: &str, digits: &str) -> String {
    let digits_min = match conversion.precision {
        Some(precision) => precision,
        None if conversion.zero && !conversion.left => conversion.width.saturating_sub(sign.len()),
        None => 1,
    };
    let zeros = "0".repeat(digits_min.saturating_sub(digits.len()));
    pad(conversion, format!("{sign}{zeros}{digits}"))
}

fn pad(conversion: &Conversion, text: String) -> String {
    let blanks = " ".repeat(conversion.width.saturating_sub(text.chars().count()));
    if conversion.left {
        text + &blanks
    } else {
        blanks + &text
    }
}

fn string(address: usize, wide: bool, precision: Option<usize>) -> String {
    if address == 0 {
        return "(null)".to_owned();
    }
    let limit = precision.unwrap_or(STRING_MAX).min(STRING_MAX);
    if wide {
        wide_string(address, limit)
    } else {
        guest::c_string(address, limit)
    }
}

/// The text of an ANSI_STRING.
fn counted(address: usize) -> String {
    if address == 0 {
        return "(null)".to_owned();
    }
    guest::c_string(
        guest::read::<usize>(address.wrapping_add(8)),
        usize::from(guest::read::<u16>(address)),
    )
}

/// A string of 16-bit units that ends with a zero, or its first `limit` units.
pub(super) fn wide_string(address: usize, limit: usize) -> String {
    let units: Vec<u16> = (0..limit)
        .map(|index| address + 2 * index)
        .take_while(|&at| guest::contains(at, 2))
        .map(guest::read::<u16>)
        .take_while(|&unit| unit != 0)
        .collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::format;

    fn formatted(pattern: &str, arguments: &[usize]) -> String {
        format(pattern, false, |index| arguments[index])
    }

    #[test]
    fn integers_have_the_width_and_the_sign_that_their_type_has() {
        assert_eq!(formatted("%d %u", &[0xFFFF_FFFF, 0xFFFF_FFFF]), "-1 4294967295");
        assert_eq!(formatted("%I64d %lld", &[usize::MAX, usize::MAX]), "-1 -1");
        assert_eq!(formatted("%hd %hhu", &[0x1_8000, 0x1FF]), "-32768 255");
        assert_eq!(formatted("%ld %Ix", &[0x1_0000_0005, 0x1_0000_0005]), "5 100000005");
    }

    #[test]
    fn fields_are_filled_as_the_flags_say() {
        assert_eq!(
            formatted("[%5d|%-5d|%05d|%+d]", &[42, 42, 42, 42]),
            "[   42|42   |00042|+42]"
        );
        assert_eq!(
            formatted("[%#x|%08X|%.3u|%*d]", &[255, 255, 7, 4, 1]),
            "[0xff|000000FF|007|   1]"
        );
    }

    #[test]
    fn a_negative_number_is_filled_behind_its_sign() {
        assert_eq!(formatted("%06d", &[(-42_i32) as u32 as usize]), "-00042");
    }

    #[test]
    fn a_percent_sign_takes_no_argument() {
        assert_eq!(formatted("%d%% %d", &[1, 2]), "1% 2");
        assert_eq!(formatted("%s", &[0]), "(null)");
    }
}

//! The date and the version of `DriverVer`: where they come from, and how they are written.

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::parse::Inf;
use super::stamp::entry_of;

/// The date for `DriverVer`: the day of the release, never that of the build.
///
/// Windows ranks two packages by this date before it looks at the version. So it is a statement of
/// the release, and stands in `driver.inx`, where a change of it is seen; it is there in a source
/// archive, where no commit is, and it is the same for whoever builds. `SOURCE_DATE_EPOCH`, where
/// set, overrides it, as in every reproducible build.
///
/// # Errors
/// Where the variable is no number of seconds, or `driver.inx` has no date.
pub fn release_date(inx: &str, source_date_epoch: Option<&str>) -> Result<Date> {
    if let Some(seconds) = source_date_epoch {
        let seconds = seconds
            .parse()
            .ok()
            .and_then(|number| Timestamp::from_second(number).ok());
        return seconds.map(|at| at.to_zoned(TimeZone::UTC).date()).with_context(|| {
            format!(
                "SOURCE_DATE_EPOCH is {:?}: set it to seconds since 1970, or unset it",
                source_date_epoch.unwrap_or_default()
            )
        });
    }
    let inf = Inf::parse(inx).context("driver.inx")?;
    let date = entry_of(&inf, "Version", "DriverVer")?.value(0);
    parse_driver_date(date)
        .with_context(|| format!("driver.inx: DriverVer begins with {date:?}: write the release's day as mm/dd/yyyy"))
}

/// The four numbers of a driver's version, from a package version of Cargo: `0.1.2` is 0.1.2.0.
///
/// # Errors
/// Where it is not three numbers up to 65535: a pre-release has no place in `DriverVer`.
pub fn package_version(cargo: &str) -> Result<[u16; 4]> {
    let numbers: Option<Vec<u16>> = cargo.split('.').map(|part| part.parse::<u16>().ok()).collect();
    match numbers.as_deref() {
        Some(&[major, minor, patch]) => Ok([major, minor, patch, 0]),
        _ => bail!("the version {cargo} has no place in DriverVer: use x.y.z, each up to 65535"),
    }
}

/// The date of `DriverVer`, `mm/dd/yyyy`.
pub(super) fn parse_driver_date(text: &str) -> Option<Date> {
    let mut parts = text.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `DriverVer` as an INF writes it.
pub(super) fn driver_ver(date: Date, [major, minor, patch, build]: [u16; 4]) -> String {
    let (year, month, day) = (date.year(), date.month(), date.day());
    format!("{month:02}/{day:02}/{year:04},{major}.{minor}.{patch}.{build}")
}

#[cfg(test)]
mod tests {
    use super::super::stamp::tests::INX;
    use super::*;

    #[test]
    fn the_date_is_that_of_the_source_and_source_date_epoch_overrides_it() {
        assert_eq!(release_date(INX, None).unwrap(), Date::new(2026, 11, 20).unwrap());
        let epoch = release_date(INX, Some("1700006399")).unwrap();
        assert_eq!(epoch, Date::new(2023, 11, 14).unwrap());
        let next_day = release_date(INX, Some("1700006400")).unwrap();
        assert_eq!(next_day, Date::new(2023, 11, 15).unwrap());
        for wrong in ["", "today", "99999999999999999999", "999999999999999"] {
            let error = release_date(INX, Some(wrong)).unwrap_err().to_string();
            assert!(error.contains("SOURCE_DATE_EPOCH"), "{error}");
        }
        for wrong in ["13/01/2026", "02/30/2026", "2026-07-01", "07/01/26", "07/01/2026/1", ""] {
            let error = release_date(&INX.replace("11/20/2026", wrong), None).unwrap_err();
            assert!(error.to_string().contains("mm/dd/yyyy"), "{error}");
        }
    }

    #[test]
    fn a_package_version_becomes_four_numbers_or_is_refused() {
        assert_eq!(package_version("0.1.20").unwrap(), [0, 1, 20, 0]);
        for wrong in ["0.1", "0.1.0-rc.1", "1.2.3.4", "0.1.65536", ""] {
            assert!(package_version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn driver_ver_has_two_digits_for_month_and_day_and_four_for_the_year() {
        assert_eq!(
            driver_ver(Date::new(2026, 2, 3).unwrap(), [1, 0, 20, 9]),
            "02/03/2026,1.0.20.9"
        );
    }
}

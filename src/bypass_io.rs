//! IOCTL_STORAGE_MANAGE_BYPASS_IO: refused where reads must not go past the filter, as `policy::bypass_io` decides.
//!
//! What it is not: a part of BypassIO. Where it is allowed, the request is one DEVICE_CONTROL among others.

use policy::bypass_io::{self, Answer, IOCTL_STORAGE_MANAGE_BYPASS_IO, Malformed};
use wdm::{Irp, NtError, Outcome};

use crate::filter::Filter;

/// Refuses the request, where it is that one and has to be refused.
///
/// # Errors
///
/// It is another request or one to be passed on, and is given back.
pub(crate) fn veto(irp: Irp<'_, Filter>) -> Result<Outcome<'_, Filter>, Irp<'_, Filter>> {
    let request = irp.into_buffered(IOCTL_STORAGE_MANAGE_BYPASS_IO)?;
    let configuration = request.device().state().configuration();
    match bypass_io::answer(configuration, request.input(), request.output_length()) {
        Answer::Pass => Err(request.into_irp()),
        Answer::Veto(veto) => Ok(request.succeed(&veto.output())),
        Answer::Malformed(malformed) => Ok(Err(request.reject(status(malformed)))),
    }
}

const fn status(malformed: Malformed) -> NtError {
    match malformed {
        Malformed::InputTooShort => NtError::INFO_LENGTH_MISMATCH,
        Malformed::OutputTooShort => NtError::BUFFER_TOO_SMALL,
        Malformed::Inconsistent => NtError::INVALID_PARAMETER,
    }
}

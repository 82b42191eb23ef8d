//! Which kind of request an IRP is, by its function codes alone.
//!
//! What may be done with each kind is said by the types in `request`. This part is free of the kernel, so that a host can
//! test it with every code that there is.

/// Codes as the kernel's headers have them, which the bindings are held to.
macro_rules! codes {
    ($($name:ident = $value:literal;)*) => {$(
        const $name: u8 = $value;
        #[cfg(windows)]
        const _: () = assert!(wdk_sys::$name == $value);
    )*};
}

codes! {
    IRP_MJ_CLOSE = 0x02;
    IRP_MJ_READ = 0x03;
    IRP_MJ_WRITE = 0x04;
    IRP_MJ_FLUSH_BUFFERS = 0x09;
    IRP_MJ_DEVICE_CONTROL = 0x0e;
    IRP_MJ_INTERNAL_DEVICE_CONTROL = 0x0f;
    IRP_MJ_CLEANUP = 0x12;
    IRP_MJ_POWER = 0x16;
    IRP_MJ_SYSTEM_CONTROL = 0x17;
    IRP_MJ_PNP = 0x1b;

    IRP_MN_START_DEVICE = 0x00;
    IRP_MN_QUERY_REMOVE_DEVICE = 0x01;
    IRP_MN_REMOVE_DEVICE = 0x02;
    IRP_MN_CANCEL_REMOVE_DEVICE = 0x03;
    IRP_MN_STOP_DEVICE = 0x04;
    IRP_MN_QUERY_STOP_DEVICE = 0x05;
    IRP_MN_CANCEL_STOP_DEVICE = 0x06;
    IRP_MN_QUERY_DEVICE_RELATIONS = 0x07;
    IRP_MN_QUERY_INTERFACE = 0x08;
    IRP_MN_QUERY_CAPABILITIES = 0x09;
    IRP_MN_FILTER_RESOURCE_REQUIREMENTS = 0x0d;
    IRP_MN_QUERY_PNP_DEVICE_STATE = 0x14;
    IRP_MN_DEVICE_USAGE_NOTIFICATION = 0x16;
    IRP_MN_SURPRISE_REMOVAL = 0x17;

    IRP_MN_SET_POWER = 0x02;
}

/// The kinds: what [`Request`](crate::Request) tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    RemoveDevice,
    SurpriseRemoval,
    QueryRemoveDevice,
    CancelRemoveDevice,
    QueryStopDevice,
    StopDevice,
    CancelStopDevice,
    StartDevice,
    DeviceUsageNotification,
    QueryPnpDeviceState,
    PnpQuestion,
    Read,
    Write,
    FlushBuffers,
    DeviceControl,
    InternalDeviceControl,
    MustPass,
    Other,
}

impl Kind {
    /// The kind of an IRP with these codes.
    pub(crate) const fn of(major_function: u8, minor_function: u8) -> Self {
        match major_function {
            IRP_MJ_PNP => Self::of_pnp(minor_function),
            IRP_MJ_READ => Self::Read,
            IRP_MJ_WRITE => Self::Write,
            IRP_MJ_FLUSH_BUFFERS => Self::FlushBuffers,
            IRP_MJ_DEVICE_CONTROL => Self::DeviceControl,
            IRP_MJ_INTERNAL_DEVICE_CONTROL => Self::InternalDeviceControl,
            IRP_MJ_CLEANUP | IRP_MJ_CLOSE | IRP_MJ_POWER | IRP_MJ_SYSTEM_CONTROL => Self::MustPass,
            _ => Self::Other,
        }
    }

    const fn of_pnp(minor_function: u8) -> Self {
        match minor_function {
            IRP_MN_REMOVE_DEVICE => Self::RemoveDevice,
            IRP_MN_SURPRISE_REMOVAL => Self::SurpriseRemoval,
            IRP_MN_QUERY_REMOVE_DEVICE => Self::QueryRemoveDevice,
            IRP_MN_CANCEL_REMOVE_DEVICE => Self::CancelRemoveDevice,
            IRP_MN_QUERY_STOP_DEVICE => Self::QueryStopDevice,
            IRP_MN_STOP_DEVICE => Self::StopDevice,
            IRP_MN_CANCEL_STOP_DEVICE => Self::CancelStopDevice,
            IRP_MN_START_DEVICE => Self::StartDevice,
            IRP_MN_DEVICE_USAGE_NOTIFICATION => Self::DeviceUsageNotification,
            IRP_MN_QUERY_PNP_DEVICE_STATE => Self::QueryPnpDeviceState,
            // Those that a filter may have a part in when they come back. All others, and those that are not invented yet,
            // it does not understand.
            IRP_MN_QUERY_DEVICE_RELATIONS
            | IRP_MN_QUERY_INTERFACE
            | IRP_MN_QUERY_CAPABILITIES
            | IRP_MN_FILTER_RESOURCE_REQUIREMENTS => Self::PnpQuestion,
            _ => Self::MustPass,
        }
    }
}

/// Whether an IRP with these codes sets a power state, of the device or of the system.
pub(crate) const fn is_set_power(major_function: u8, minor_function: u8) -> bool {
    major_function == IRP_MJ_POWER && minor_function == IRP_MN_SET_POWER
}

/// Whether nobody may fail an IRP with these codes, for whatever reason: it says what is so, and does not ask.
///
/// So it succeeds even where the device that it was sent to is being removed, and nothing may be done with it.
pub(crate) const fn may_not_fail(major_function: u8, minor_function: u8) -> bool {
    match major_function {
        IRP_MJ_PNP => matches!(
            Kind::of_pnp(minor_function),
            Kind::RemoveDevice
                | Kind::SurpriseRemoval
                | Kind::CancelRemoveDevice
                | Kind::StopDevice
                | Kind::CancelStopDevice
        ),
        IRP_MJ_POWER => is_set_power(major_function, minor_function),
        IRP_MJ_CLEANUP | IRP_MJ_CLOSE => true,
        _ => false,
    }
}

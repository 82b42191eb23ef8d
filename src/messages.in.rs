// The events that the driver writes to the System log: the number, the name in the driver, and the message that Windows
// shows for it.
//
// Not a module: an invocation of the macro `messages!`, which whoever includes this file has defined first. One source
// thus serves two readers: the driver writes the numbers, and the build script makes the message table of the image from
// the same rows, in which Windows' event viewer finds the texts.
//
// A number is an NTSTATUS: warning (0x8), of a customer (0x2), of an I/O driver (0x004), and a count of our own, which is
// the event's ID. In a text, %1 is the device or the driver, and %2 is what the driver adds.
messages! {
    SETTING_IGNORED = 0xA004_0001,
        "irpscope ignores the setting %2: what the registry has is not a REG_DWORD within the limits of this setting. \
         Correct or delete the value, and restart the device.";
    KEY_UNREADABLE = 0xA004_0002,
        "irpscope cannot read its settings in the %2 key, and goes by those it has from elsewhere. \
         See that the SYSTEM account may read the key, and restart the device.";
    NOT_FOLLOWED = 0xA004_0003,
        "There is no memory to follow the requests of a disk%2: they pass uncounted. \
         Lower the settings Slots and ReserveSlots or add memory, and restart the device.";
    HUNG = 0xA004_0004,
        "%1 hangs%2: it was idle, and a READ by which irpscope asked whether it still answers had no answer within ProbeHungMs. \
         Look after the disk, its cables and its controller.";
}

/* expect: clean. Reads and writes its parameters in the registry, by handle, by table and by callback. */

#include <ddk/ntddk.h>

static UNICODE_STRING ServicePath;

#define REQUIRE(condition, line) do { if (!(condition)) KeBugCheckEx(0xE2, line, 0, 0, 0); } while (0)

static NTSTATUS OpenParameters(PHANDLE Key)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    HANDLE service;
    NTSTATUS status;

    InitializeObjectAttributes(&attributes, &ServicePath, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = ZwOpenKey(&service, KEY_READ, &attributes);
    if (!NT_SUCCESS(status))
        return status;
    RtlInitUnicodeString(&name, L"parameters");
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, service, NULL);
    status = ZwCreateKey(Key, KEY_ALL_ACCESS, &attributes, 0, NULL, REG_OPTION_NON_VOLATILE, NULL);
    ZwClose(service);
    return status;
}

static NTSTATUS UseHandle(void)
{
    UCHAR buffer[sizeof(KEY_VALUE_PARTIAL_INFORMATION) + sizeof(ULONG)];
    PKEY_VALUE_PARTIAL_INFORMATION info = (PVOID)buffer;
    UNICODE_STRING name;
    ULONG value = 42, length;
    HANDLE key;
    NTSTATUS status = OpenParameters(&key);

    if (!NT_SUCCESS(status))
        return status;
    RtlInitUnicodeString(&name, L"Depth");
    status = ZwQueryValueKey(key, &name, KeyValuePartialInformation, info, sizeof(buffer), &length);
    REQUIRE(status == STATUS_OBJECT_NAME_NOT_FOUND, __LINE__);
    status = ZwSetValueKey(key, &name, 0, REG_DWORD, &value, sizeof(value));
    if (NT_SUCCESS(status)) {
        status = ZwQueryValueKey(key, &name, KeyValuePartialInformation, NULL, 0, &length);
        REQUIRE(status == STATUS_BUFFER_TOO_SMALL && length == 16, __LINE__);
        status = ZwQueryValueKey(key, &name, KeyValuePartialInformation, info, sizeof(buffer), &length);
        REQUIRE(status == STATUS_SUCCESS && info->Type == REG_DWORD && *(PULONG)info->Data == 42, __LINE__);
        REQUIRE(NT_SUCCESS(ZwDeleteValueKey(key, &name)), __LINE__);
    }
    ZwClose(key);
    REQUIRE(ZwClose(key) == STATUS_INVALID_HANDLE, __LINE__);
    return status;
}

static NTSTATUS NTAPI Query(PWSTR Name, ULONG Type, PVOID Data, ULONG Length, PVOID Context, PVOID EntryContext)
{
    REQUIRE(Type == REG_DWORD && Length == sizeof(ULONG) && *(PULONG)Data == 3, __LINE__);
    REQUIRE(Name[0] == L'S' && Context == &ServicePath, __LINE__);
    *(PULONG)EntryContext += 1;
    return STATUS_SUCCESS;
}

static NTSTATUS UseTable(void)
{
    RTL_QUERY_REGISTRY_TABLE table[5];
    ULONG calls = 0, missing = 0, fallback = 7;
    UNICODE_STRING path;
    NTSTATUS status;

    RtlZeroMemory(table, sizeof(table));
    RtlZeroMemory(&path, sizeof(path));
    table[0].QueryRoutine = Query;
    table[0].Flags = RTL_QUERY_REGISTRY_REQUIRED;
    table[0].Name = L"Start";
    table[0].EntryContext = &calls;
    table[1].Flags = RTL_QUERY_REGISTRY_DIRECT;
    table[1].Name = L"ImagePath";
    table[1].EntryContext = &path;
    table[2].Flags = RTL_QUERY_REGISTRY_SUBKEY;
    table[2].Name = L"Parameters";
    table[3].Flags = RTL_QUERY_REGISTRY_DIRECT;
    table[3].Name = L"Missing";
    table[3].EntryContext = &missing;
    table[3].DefaultType = REG_DWORD;
    table[3].DefaultData = &fallback;
    table[3].DefaultLength = sizeof(fallback);
    status = RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, ServicePath.Buffer, table, &ServicePath, NULL);
    REQUIRE(status == STATUS_SUCCESS && calls == 1 && missing == 7 && path.Buffer != NULL, __LINE__);
    RtlFreeUnicodeString(&path);
    return status;
}

static NTSTATUS NTAPI AddDevice(PDRIVER_OBJECT Driver, PDEVICE_OBJECT Physical)
{
    HANDLE key;
    NTSTATUS status;

    (void)Driver;
    status = IoOpenDeviceRegistryKey(Physical, PLUGPLAY_REGKEY_DEVICE, KEY_READ, &key);
    if (NT_SUCCESS(status))
        ZwClose(key);
    /* It attaches to nothing: a driver need not. */
    return STATUS_SUCCESS;
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    (void)Driver;
    ExFreePool(ServicePath.Buffer);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status;

    ServicePath.Length = RegistryPath->Length;
    ServicePath.MaximumLength = RegistryPath->Length + sizeof(WCHAR);
    ServicePath.Buffer = ExAllocatePoolWithTag(PagedPool, ServicePath.MaximumLength, 'htaP');
    if (ServicePath.Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlCopyUnicodeString(&ServicePath, RegistryPath);
    ServicePath.Buffer[ServicePath.Length / sizeof(WCHAR)] = 0;
    status = UseHandle();
    if (NT_SUCCESS(status))
        status = UseTable();
    if (!NT_SUCCESS(status)) {
        ExFreePool(ServicePath.Buffer);
        return status;
    }
    Driver->DriverExtension->AddDevice = AddDevice;
    Driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}

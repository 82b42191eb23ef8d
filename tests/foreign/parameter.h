/* A REG_DWORD of the service's Parameters key, for drivers that include filter.h. Only in FilterSetUp. */

#ifndef PARAMETER_H
#define PARAMETER_H

static NTSTATUS OpenKey(PHANDLE Key, HANDLE Parent, PUNICODE_STRING Name)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, Name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, Parent, NULL);
    return ZwOpenKey(Key, KEY_READ, &attributes);
}

static ULONG Parameter(PCWSTR Name, ULONG Default)
{
    UCHAR buffer[sizeof(KEY_VALUE_PARTIAL_INFORMATION) + sizeof(ULONG)];
    PKEY_VALUE_PARTIAL_INFORMATION info = (PVOID)buffer;
    UNICODE_STRING parameters, name;
    HANDLE service, key;
    ULONG length;

    if (!NT_SUCCESS(OpenKey(&service, NULL, FilterServicePath)))
        return Default;
    RtlInitUnicodeString(&parameters, L"Parameters");
    RtlInitUnicodeString(&name, Name);
    if (NT_SUCCESS(OpenKey(&key, service, &parameters))) {
        if (NT_SUCCESS(ZwQueryValueKey(key, &name, KeyValuePartialInformation, info, sizeof(buffer), &length)) &&
            info->Type == REG_DWORD && *(PULONG)info->Data != 0)
            Default = *(PULONG)info->Data;
        ZwClose(key);
    }
    ZwClose(service);
    return Default;
}

#endif

/* expect: clean except in split. What headers inline: the time at its fixed address, IRQL in CR8, the thread by GS; lists and strings. */

#define FILTER_FIELDS int Unused;
#include "filter.h"
#include <stdio.h>
#include <wchar.h>

#define REQUIRE(condition) do { if (!(condition)) KeBugCheckEx(0xE2, __LINE__, 0, 0, 0); } while (0)

typedef struct {
    SLIST_ENTRY Link;
    LIST_ENTRY Entry;
} DECLSPEC_ALIGN(16) ITEM;

static void Times(void)
{
    LARGE_INTEGER before, after, ticks;
    ULONG major = *(volatile ULONG *)(KI_USER_SHARED_DATA + 0x26C);
    UCHAR copy[16];

    KeQuerySystemTime(&before);
    KeStallExecutionProcessor(50);
    KeQuerySystemTime(&after);
    KeQueryTickCount(&ticks);
    REQUIRE(after.QuadPart - before.QuadPart >= 500 && ticks.QuadPart >= 0);
    REQUIRE(KeQueryInterruptTime() > 0 && major == 10);
    RtlCopyMemory(copy, (PVOID)(KI_USER_SHARED_DATA + 0x26C), sizeof(copy));
    REQUIRE(*(PULONG)copy == major);
}

static void Levels(void)
{
    KIRQL irql, before = KeGetCurrentIrql();

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    REQUIRE(irql == before && KeGetCurrentIrql() == DISPATCH_LEVEL);
    KeLowerIrql(irql);
    REQUIRE(KeGetCurrentIrql() == before);
    REQUIRE((PVOID)PsGetCurrentThread() == (PVOID)KeGetCurrentThread() && PsGetCurrentThread() != NULL);
}

static void Lists(void)
{
    DECLSPEC_ALIGN(16) SLIST_HEADER free;
    LIST_ENTRY list;
    KSPIN_LOCK lock;
    ITEM *first = ExAllocatePoolWithTag(NonPagedPool, sizeof(ITEM), TAG);
    ITEM *second = ExAllocatePoolWithTag(NonPagedPool, sizeof(ITEM), TAG);

    ExInitializeSListHead(&free);
    InitializeListHead(&list);
    KeInitializeSpinLock(&lock);
    if (first != NULL && second != NULL) {
        ExpInterlockedPushEntrySList(&free, &first->Link);
        ExpInterlockedPushEntrySList(&free, &second->Link);
        REQUIRE(ExQueryDepthSList(&free) == 2);
        REQUIRE(ExpInterlockedPopEntrySList(&free) == &second->Link);
        REQUIRE(ExpInterlockedFlushSList(&free) == &first->Link);
        REQUIRE(ExpInterlockedPopEntrySList(&free) == NULL);
        ExInterlockedInsertTailList(&list, &first->Entry, &lock);
        ExInterlockedInsertHeadList(&list, &second->Entry, &lock);
        REQUIRE(ExInterlockedRemoveHeadList(&list, &lock) == &second->Entry);
        REQUIRE(ExInterlockedRemoveHeadList(&list, &lock) == &first->Entry);
        REQUIRE(ExInterlockedRemoveHeadList(&list, &lock) == NULL);
    }
    if (first != NULL)
        ExFreePoolWithTag(first, TAG);
    if (second != NULL)
        ExFreePoolWithTag(second, TAG);
}

static void Strings(void)
{
    char text[32];
    WCHAR wide[32];
    UNICODE_STRING joined, number;
    ANSI_STRING ansi;
    ULONG value = 0;

    REQUIRE(_snprintf(text, sizeof(text), "%s:%05d:%#x", "disk", -42, 255) == 15);
    REQUIRE(strcmp(text, "disk:-0042:0xff") == 0);
    REQUIRE(_snprintf(text, 4, "%s", "longer") == -1);
    joined.Buffer = wide;
    joined.Length = 0;
    joined.MaximumLength = sizeof(wide);
    REQUIRE(NT_SUCCESS(RtlAppendUnicodeToString(&joined, L"\\Device\\")));
    number.Buffer = wide + 20;
    number.Length = 0;
    number.MaximumLength = 16;
    REQUIRE(NT_SUCCESS(RtlIntegerToUnicodeString(77, 10, &number)));
    REQUIRE(NT_SUCCESS(RtlAppendUnicodeStringToString(&joined, &number)));
    REQUIRE(joined.Length == 20 && wcsncmp(wide, L"\\Device\\77", 10) == 0);
    REQUIRE(NT_SUCCESS(RtlUnicodeStringToInteger(&number, 10, &value)) && value == 77);
    if (NT_SUCCESS(RtlUnicodeStringToAnsiString(&ansi, &joined, TRUE))) {
        REQUIRE(ansi.Length == 10 && memcmp(ansi.Buffer, "\\Device\\77", 10) == 0);
        RtlFreeAnsiString(&ansi);
    }
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    PMDL mdl = Irp->MdlAddress;
    PUCHAR data;

    Times();
    Levels();
    Lists();
    if (mdl != NULL) {
        data = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
        REQUIRE(data == NULL || MmGetMdlByteCount(mdl) >= IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length);
    }
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    (void)Filter;
    Strings();
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }

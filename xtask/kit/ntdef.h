/* Without __GNUC__ the header picks a FIELD_OFFSET that is no constant expression, and array sizes need one. */
#include_next <ntdef.h>
#undef FIELD_OFFSET
#define FIELD_OFFSET(Type, Field) ((LONG)__builtin_offsetof(Type, Field))

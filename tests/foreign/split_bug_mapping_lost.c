/* expect: LAB/PartialMdlMapped. Splits each long direct read with one partial MDL, and loses the mapping of each part. */

#define PREPARE(Mdl) ((void)(Mdl))
#include "split_reads.c"

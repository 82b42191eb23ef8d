/* The last header that wdk-build includes. All of it is inline functions, which have no bindings, so its place is taken
 * by the declarations that the DDK headers are too old to have. */
#include "wdk_supplement.h"

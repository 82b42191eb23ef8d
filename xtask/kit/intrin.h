/* The compiler intrinsics that the inline functions of the DDK headers call. Bindings are made of declarations alone,
 * so declarations are all they need. */
#pragma once
unsigned __int64 __readcr8(void);
void __writecr8(unsigned __int64);
unsigned __int64 __readgsqword(unsigned long);
unsigned short __readgsword(unsigned long);
unsigned __int64 __umulh(unsigned __int64, unsigned __int64);
void __movsb(unsigned char *, unsigned char const *, unsigned __int64);
void __movsw(unsigned short *, unsigned short const *, unsigned __int64);
void __movsd(unsigned long *, unsigned long const *, unsigned __int64);
void __stosb(unsigned char *, unsigned char, unsigned __int64);
void __stosq(unsigned __int64 *, unsigned __int64, unsigned __int64);
unsigned char __inbyte(unsigned short);
unsigned short __inword(unsigned short);
unsigned long __indword(unsigned short);
void __inbytestring(unsigned short, unsigned char *, unsigned long);
void __inwordstring(unsigned short, unsigned short *, unsigned long);
void __indwordstring(unsigned short, unsigned long *, unsigned long);
void __outbyte(unsigned short, unsigned char);
void __outword(unsigned short, unsigned short);
void __outdword(unsigned short, unsigned long);
void __outbytestring(unsigned short, unsigned char *, unsigned long);
void __outwordstring(unsigned short, unsigned short *, unsigned long);
void __outdwordstring(unsigned short, unsigned long *, unsigned long);

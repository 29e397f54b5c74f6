// Code that is written out for each of several registers: arrays of vectors would be kept in memory.
#pragma once

#define LAB_FOUR(DO) DO(0) DO(1) DO(2) DO(3)
#define LAB_SIX(DO) LAB_FOUR(DO) DO(4) DO(5)
#define LAB_EIGHT(DO) LAB_SIX(DO) DO(6) DO(7)
#define LAB_TWELVE(DO) LAB_EIGHT(DO) DO(8) DO(9) DO(10) DO(11)
#define LAB_SIXTEEN(DO) LAB_TWELVE(DO) DO(12) DO(13) DO(14) DO(15)
#define LAB_TWENTY_FOUR(DO) \
  LAB_SIXTEEN(DO) DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23)

#define LAB_PLUS_ONE(I) +1
#define LAB_COUNT(EACH) (0 EACH(LAB_PLUS_ONE))

// REQUIRES: arm-gcc
// RUN: tinyml-opt %S/../../../examples/digits/digits_int8.onnx -p @default -t tinyml-c > %t.c
// RUN: arm-none-eabi-gcc -mcpu=cortex-m4 -ffreestanding -std=c99 -O2 -Wall -Wextra -Wconversion -Wshadow -Wcast-align -Wstrict-aliasing=2 -Werror -c %t.c -o %t.o

// The cross compiler of most users takes the same code, and with more warnings.

"""The dialects of the compiler and the interfaces their operations share."""

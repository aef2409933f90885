//! Image bytes in, derivative bytes out: display, thumbnail, placeholder

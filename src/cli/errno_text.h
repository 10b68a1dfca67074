/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/* What the errno value @error means and what to do about it, whatever was tried; else strerror(). */
const char *errno_text(int error);

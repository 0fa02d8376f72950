/* The plots and how each is cast. */
#include "tales/grammar.h"

const bl_tale_plot bl_tale_plots[] = {
    /* rule, things, owners, flags */
    {"lost", "toy", 3, BL_TALE_ALL},
    {"wind", "lightwear", 3, BL_TALE_ALL},
    {"hide", "wear", 3, BL_TALE_ALL | BL_TALE_Q_OTHER},
    {"race", "boat", 3, BL_TALE_ALL | BL_TALE_SAME},
    {"mail", "door", 3, BL_TALE_ALL | BL_TALE_SAME | BL_TALE_Q_OTHER},
    {"share", "toy", 2, BL_TALE_ALL},
    {"rescue", "soft", 2, BL_TALE_KIDS},
    {"truth", "mug", 3, BL_TALE_ALL | BL_TALE_SAME | BL_TALE_Q_OTHER},
    {"rain", "blanket", 3, BL_TALE_ALL | BL_TALE_SAME},
    {"cake", "icing", 3, BL_TALE_ALL | BL_TALE_SAME},
    {"balloon", "balloon_thing", 3, BL_TALE_ALL | BL_TALE_SAME},
    {"garden", "pot", 3, BL_TALE_ALL | BL_TALE_SAME},
    {"snow", "lightwear", 3, BL_TALE_ALL},
    {"stuck", "flyer", 2, BL_TALE_ALL},
    {"sick", "toy", 2, BL_TALE_ALL},
    {"newkid", "bag", 3, BL_TALE_ALL | BL_TALE_SAME | BL_TALE_Q_OTHER},
    {"storm", "lamp", 3, BL_TALE_ALL | BL_TALE_SAME},
    {"treasure", "bag", 3, BL_TALE_ALL | BL_TALE_SAME},
    {"paint", "picture", 3, BL_TALE_ALL},
    {"wish", "toy", 2, BL_TALE_ALL},
    {"laundry", "wear", 3, BL_TALE_ALL},
    {"bridge", "toy", 2, BL_TALE_ALL},
};
const size_t bl_tale_plot_count = sizeof bl_tale_plots / sizeof *bl_tale_plots;

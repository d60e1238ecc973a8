"""How many vessel pixels the first observer's label of each image has, as published: what shows a genuine copy.

Source: mlscorecheck 1.0.3 (Fazekas and Kovács), experiments/retina, counted by its authors. Sums: DRIVE test 577 945,
CHASE_DB1 1 861 974.
"""

DRIVE = {
    "01_test": 29440, "02_test": 33790, "03_test": 32893, "04_test": 30354, "05_test": 30912,
    "06_test": 32116, "07_test": 30152, "08_test": 28389, "09_test": 26741, "10_test": 27156,
    "11_test": 29539, "12_test": 28490, "13_test": 32259, "14_test": 26677, "15_test": 23614,
    "16_test": 29791, "17_test": 27852, "18_test": 26144, "19_test": 27371, "20_test": 24265,
    "21_training": 24658, "22_training": 29809, "23_training": 21723, "24_training": 38229, "25_training": 31669,
    "26_training": 27573, "27_training": 29073, "28_training": 32228, "29_training": 27751, "30_training": 25884,
    "31_training": 19898, "32_training": 26984, "33_training": 26686, "34_training": 32287, "35_training": 28612,
    "36_training": 35884, "37_training": 28841, "38_training": 28477, "39_training": 28348, "40_training": 25001,
}  # fmt: skip

CHASEDB1 = {
    "Image_01L": 66885, "Image_01R": 72838, "Image_02L": 77820, "Image_02R": 74890, "Image_03L": 75196,
    "Image_03R": 72421, "Image_04L": 75168, "Image_04R": 73824, "Image_05L": 75941, "Image_05R": 81663,
    "Image_06L": 72636, "Image_06R": 71768, "Image_07L": 74699, "Image_07R": 72968, "Image_08L": 62026,
    "Image_08R": 60935, "Image_09L": 48524, "Image_09R": 48819, "Image_10L": 60076, "Image_10R": 59371,
    "Image_11L": 51119, "Image_11R": 51133, "Image_12L": 69032, "Image_12R": 70491, "Image_13L": 58984,
    "Image_13R": 60625, "Image_14L": 66013, "Image_14R": 56109,
}  # fmt: skip
